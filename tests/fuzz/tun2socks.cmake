# fuzz targets of tun2socks/
