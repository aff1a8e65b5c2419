# unit tests of ui/
