#!/bin/bash
# The completions: each shell that is there can read its own, and all know every command.
# Usage: test_completions.sh ATLANTIC FOLDER
set -eu
atlantic=$1
folder=$2

bash -n "$folder/atlantic.bash"
if command -v zsh >/dev/null; then zsh -n "$folder/_atlantic"; fi
if command -v fish >/dev/null; then fish --no-execute "$folder/atlantic.fish"; fi

commands=$("$atlantic" --help | sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p')
[[ $(wc -w <<<"$commands") -ge 10 ]]
for command in $commands; do
    for file in atlantic.bash _atlantic atlantic.fish; do
        grep -qw -- "$command" "$folder/$file" || {
            echo "$file does not know '$command'"
            exit 1
        }
    done
    # Each option of the command, with bash itself.
    for option in $("$atlantic" "$command" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'); do
        words=(atlantic "$command")
        [[ $command != filter ]] || words+=(check)
        found=$(bash -c 'source "$1"; shift; COMP_WORDS=("$@" --) COMP_CWORD=$#
                         _atlantic; printf "%s\n" "${COMPREPLY[@]}"' \
            - "$folder/atlantic.bash" "${words[@]}")
        grep -qx -- "$option" <<<"$found" || {
            echo "bash does not offer $option behind '${words[*]}'"
            exit 1
        }
    done
done
