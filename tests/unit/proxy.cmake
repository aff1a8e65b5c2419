# unit tests of proxy/
