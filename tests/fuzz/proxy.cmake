# fuzz targets of proxy/
