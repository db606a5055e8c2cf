# bash completion of gclbench; made by: gclbench completion bash
_gclbench() {
    local line known=
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $known ]]; then known=$line; else COMPREPLY+=("$line"); fi
    done < <("${1/#\~\//$HOME/}" __complete bash "$COMP_WORDBREAKS" \
        "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    case $known in
        files) compopt +o nospace -o default ;;
        folders) compopt -o dirnames ;;
    esac
}
complete -o nospace -F _gclbench gclbench
