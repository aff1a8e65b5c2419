# fuzz targets of service/
