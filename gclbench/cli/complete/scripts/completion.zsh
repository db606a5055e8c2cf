#compdef gclbench
# zsh completion of gclbench; made by: gclbench completion zsh
_gclbench() {
    local -a lines whole open
    local known
    lines=("${(@f)$(${~words[1]} __complete zsh "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    known=$lines[1]
    whole=(${${(M)lines[2,-1]:#* }% })
    open=(${lines[2,-1]:#* })
    case $known in
        files) compset -P '*='; _files ;;
        folders) compset -P '*='; _files -/ ;;
        *) compadd -a whole; compadd -S '' -a open ;;
    esac
}
if [[ $funcstack[1] == _gclbench ]]; then _gclbench "$@"; else compdef _gclbench gclbench; fi
