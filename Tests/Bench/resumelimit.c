/*
 * resumelimit - what a resume costs that reads nothing and checks nothing: one thread, epoll, and for each subscriber one send of
 * events that were framed once. Speaks only to wsload, on loopback.
 *
 *   cc -O2 -o resumelimit resumelimit.c ;  ./resumelimit PORT EVENTS BYTES
 *
 * The first text frame of a connection is its request to resume; EVENTS frames of BYTES bytes follow, with the numbers 1 to EVENTS
 * as "n":1, and a last one with "op":"live".
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTING, OPEN, RESUMED };

typedef struct {
    int socket, state;
    /* What of the page is not sent yet. */
    size_t sent;
} connection;

static char *page;
static size_t page_size;
static int queue;

static size_t frame(char *out, const char *text, size_t size) {
    size_t head = 2;
    out[0] = (char)0x81;
    if (size < 126) {
        out[1] = (char)size;
    } else {
        out[1] = 126;
        out[2] = (char)(size >> 8);
        out[3] = (char)size;
        head = 4;
    }
    memcpy(out + head, text, size);
    return head + size;
}

static void make_page(int count, int size) {
    static char text[65536];
    page = malloc((size_t)(count + 1) * (size_t)(size + 64));
    for (int number = 1; number <= count; number++) {
        int length = snprintf(text, sizeof text, "{\"n\":%d,\"d\":\"", number);
        memset(text + length, 'x', (size_t)size);
        memcpy(text + (length + 2 > size ? length : size - 2), "\"}", 2);
        page_size += frame(page + page_size, text, (size_t)(length + 2 > size ? length + 2 : size));
    }
    page_size += frame(page + page_size, "{\"op\":\"live\"}", 13);
}

static void watch(connection *c, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(queue, operation, c->socket, &event);
}

static void end(connection *c) {
    close(c->socket);
    free(c);
}

/* Sends what is left of the page, as far as it goes. */
static void resume(connection *c) {
    while (c->sent < page_size) {
        ssize_t sent = send(c->socket, page + c->sent, page_size - c->sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        c->sent += (size_t)sent;
    }
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

static void read_from(connection *c) {
    static char bytes[65536];
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    ssize_t size = recv(c->socket, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
        end(c);
    } else if (c->state == CONNECTING) {
        /* wsload sends its request when it has this. */
        if (send(c->socket, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) perror("send");
        c->state = OPEN;
    } else if (c->state == OPEN && (bytes[0] & 15) == 1) {
        c->state = RESUMED;
        resume(c);
    }
}

int main(int count, char **words) {
    if (count != 4) {
        fputs("resumelimit PORT EVENTS BYTES\n", stderr);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    make_page(atoi(words[2]), atoi(words[3]));
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("resumelimit");
        return 69;
    }
    queue = epoll_create1(0);
    connection listening = {.socket = listener};
    watch(&listening, EPOLL_CTL_ADD, EPOLLIN);
    struct epoll_event events[512];
    for (;;) {
        int ready = epoll_wait(queue, events, 512, -1);
        for (int index = 0; index < ready; index++) {
            connection *c = events[index].data.ptr;
            if (c == &listening) {
                int accepted;
                while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    connection *new = calloc(1, sizeof *new);
                    new->socket = accepted;
                    watch(new, EPOLL_CTL_ADD, EPOLLIN);
                }
            } else {
                if (events[index].events & EPOLLOUT && c->state == RESUMED) resume(c);
                if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_from(c);
            }
        }
    }
}
