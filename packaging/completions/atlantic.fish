# fish completion for atlantic

set -l commands on off status restart reload usage flows blocked filter config lists pause resume allow deny rules

complete -c atlantic -f
complete -c atlantic -l run-dir -r -a '(__fish_complete_directories)' -d 'Where the sockets are'
complete -c atlantic -s h -l help -d 'Show help'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -l version -d 'Show the version'

complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a on -d 'Protect this computer'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a off -d 'Stop, put everything back'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a status -d 'What is going on, and why'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a restart -d 'Start the worker again'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a reload -d 'Read the configuration again'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a usage -d 'Bytes, requests, blocked items'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a flows -d 'The connections of this moment'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a blocked -d 'What was blocked last'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a filter -d 'Ask what the filter says'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a config -d 'Check a configuration'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a lists -d 'The lists of the filter'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a pause -d 'Let everything pass for a while'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a resume -d 'End the pause'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a allow -d 'Let a name pass'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a deny -d 'Block a name'
complete -c atlantic -n "not __fish_seen_subcommand_from $commands" -a rules -d 'The names that you allowed and denied'

complete -c atlantic -n '__fish_seen_subcommand_from status usage flows blocked filter lists pause resume allow deny rules' -l json -d 'Print JSON'
complete -c atlantic -n '__fish_seen_subcommand_from on status lists' -l wait -d 'Wait until it is on'
complete -c atlantic -n '__fish_seen_subcommand_from status' -l watch -d 'Go on, show each change'
complete -c atlantic -n '__fish_seen_subcommand_from usage' -l by -x -a 'day upstream day,upstream' -d 'One row for each'
complete -c atlantic -n '__fish_seen_subcommand_from usage' -l from -x -a '(date -u +%F)' -d 'From this day on'
complete -c atlantic -n '__fish_seen_subcommand_from usage' -l to -x -a '(date -u +%F)' -d 'Up to and with this day'
complete -c atlantic -n '__fish_seen_subcommand_from flows blocked' -l limit -x -d 'At most so many'
complete -c atlantic -n '__fish_seen_subcommand_from allow deny' -l for -x -a '5m 15m 1h 1d' -d 'For so long'
complete -c atlantic -n '__fish_seen_subcommand_from lists' -a 'update catalogue'
complete -c atlantic -n '__fish_seen_subcommand_from pause' -a '5m 15m 1h'
complete -c atlantic -n '__fish_seen_subcommand_from filter' -a 'check explain'
complete -c atlantic -n '__fish_seen_subcommand_from filter' -l batch -d 'Read requests from standard input'
complete -c atlantic -n '__fish_seen_subcommand_from filter' -l list -r -F -d 'A list'
complete -c atlantic -n '__fish_seen_subcommand_from config' -a check
complete -c atlantic -n '__fish_seen_subcommand_from config; and __fish_seen_subcommand_from check' -F
