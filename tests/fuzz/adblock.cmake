# fuzz targets of adblock/
