# bash completion for atlantic

_atlantic()
{
    local commands='on off status restart reload usage flows blocked filter config lists pause resume allow deny rules log consent'
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' sub='' i
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --run-dir) ((i++)) ;;
            -*) ;;
            *)
                if [[ -z $command ]]; then
                    command=${COMP_WORDS[i]}
                elif [[ -z $sub ]]; then
                    sub=${COMP_WORDS[i]}
                fi
                ;;
        esac
    done

    case $before in
        --run-dir)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        --by)
            mapfile -t COMPREPLY < <(compgen -W 'day upstream day,upstream' -- "$word")
            return
            ;;
        --from | --to)
            mapfile -t COMPREPLY < <(compgen -W "$(date -u +%F)" -- "$word")
            return
            ;;
        --limit) return ;;
        --for)
            mapfile -t COMPREPLY < <(compgen -W '5m 15m 1h 1d' -- "$word")
            return
            ;;
        --verdict)
            mapfile -t COMPREPLY < <(compgen -W 'block rewrite allow pass' -- "$word")
            return
            ;;
        --kind)
            mapfile -t COMPREPLY < <(compgen -W 'dns http tls tcp udp quic address' -- "$word")
            return
            ;;
        --list | --psl)
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
    esac

    local choices='--run-dir --help'
    case $command in
        '') choices="$commands $choices --version" ;;
        on) choices+=' --wait' ;;
        status) choices+=' --json --watch --wait' ;;
        usage) choices+=' --json --by --from --to' ;;
        flows | blocked) choices+=' --json --limit' ;;
        lists)
            case $sub in
                '') choices='update catalogue --json --wait --help' ;;
                update) choices='--json --wait' ;;
                catalogue) choices='--json' ;;
            esac
            ;;
        pause) choices+=' --json 5m 15m 1h' ;;
        log) choices+=' --json --limit --name --list --app --verdict --kind --since --follow --counts' ;;
        consent)
            if [[ -z $sub ]]; then choices+=' give withdraw --json --yes'; else choices='--json --yes'; fi
            ;;
        resume | rules) choices+=' --json' ;;
        allow | deny) choices+=' --json --for' ;;
        filter)
            case $sub in
                '') choices="check explain --help" ;;
                check) choices="--json --batch --list --psl --dns" ;;
                explain) choices="--json --list --psl --help" ;;
            esac
            ;;
        config)
            if [[ $sub == check ]]; then
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return
            fi
            choices="check --help"
            ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _atlantic atlantic
