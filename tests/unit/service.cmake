# unit tests of service/
