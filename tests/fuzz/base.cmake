# fuzz targets of base/
