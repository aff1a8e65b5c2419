# unit tests of killswitch/
