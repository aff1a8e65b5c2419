# unit tests of tun2socks/
