# fuzz targets of tun2socks/
atlantic_fuzz_target(packet LINKS fake_tun tun2socks base)
