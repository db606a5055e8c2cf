# fish completion of gclbench; made by: gclbench completion fish
function __gclbench_complete
    set -l typed (commandline -opc) (commandline -ct)
    set -l lines ($typed[1] __complete fish $typed[2..] 2>/dev/null)
    set -l current $typed[-1]
    switch "$lines[1]"
        case files folders
            set -l head (string match -r '^[^=]*=' -- $current)
            for path in (__fish_complete_path (string replace -r '^[^=]*=' '' -- $current))
                echo "$head$path"
            end
        case '*'
            printf '%s\n' $lines[2..]
    end
end
complete -c gclbench -f -a '(__gclbench_complete)'
