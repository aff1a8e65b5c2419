# unit tests of adblock/
