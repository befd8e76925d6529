// Written by .ci/page: the files of Sources/AgentEventsServer/Page.

#include "CPage.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char file_0[] = {
#embed "../AgentEventsServer/Page/agent-events-chat-transport.d.ts"
};

static const unsigned char file_1[] = {
#embed "../AgentEventsServer/Page/agent-events-chat-transport.js"
};

static const unsigned char file_2[] = {
#embed "../AgentEventsServer/Page/agent-events.d.ts"
};

static const unsigned char file_3[] = {
#embed "../AgentEventsServer/Page/agent-events.js"
};

static const unsigned char file_4[] = {
#embed "../AgentEventsServer/Page/examples/plain.html"
};

static const unsigned char file_5[] = {
#embed "../AgentEventsServer/Page/examples/plain.js"
};

static const unsigned char file_6[] = {
#embed "../AgentEventsServer/Page/examples/react.html"
};

static const unsigned char file_7[] = {
#embed "../AgentEventsServer/Page/examples/react.js"
};

static const struct cpage_file files[] = {
    {"agent-events-chat-transport.d.ts", file_0, sizeof file_0},
    {"agent-events-chat-transport.js", file_1, sizeof file_1},
    {"agent-events.d.ts", file_2, sizeof file_2},
    {"agent-events.js", file_3, sizeof file_3},
    {"examples/plain.html", file_4, sizeof file_4},
    {"examples/plain.js", file_5, sizeof file_5},
    {"examples/react.html", file_6, sizeof file_6},
    {"examples/react.js", file_7, sizeof file_7},
};

const struct cpage_file *cpage_files(size_t *count) {
    *count = sizeof files / sizeof files[0];
    return files;
}
