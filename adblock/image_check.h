/* Does every reference inside an image stay inside? Asked once when it is opened. The tables of
 * names and keys, which are large, are checked where they are read instead. */
#ifndef ADBLOCK_IMAGE_CHECK_H
#define ADBLOCK_IMAGE_CHECK_H

#include "adblock/image.h"

bool image_is_sound(const struct image *image);

#endif
