atlantic_unit_test(ruleset LINKS killswitch base)
