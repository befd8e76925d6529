// The files of Sources/AgentEventsServer/Page, in the program.

#ifndef CPAGE_H
#define CPAGE_H

#include <stddef.h>

struct cpage_file {
    /// Its path in the folder.
    const char *path;
    const unsigned char *bytes;
    size_t count;
};

/// The files, sorted by their paths; they are there as long as the program.
const struct cpage_file *cpage_files(size_t *count);

#endif
