/* A model provider that costs next to nothing, so that what is measured is the gateway before it.
 *
 *   upstream PORT [--events N] [--pace-us P]
 *
 * One thread, epoll, HTTP/1.1 keep-alive, no work per request: POST /v1/chat/completions is answered in OpenAI's shape
 * and POST /v1/messages in Anthropic's; a body with "stream":true gets N tokens, an event each, P microseconds apart
 * (0: at once, one write each), and what ends the stream right after the last. It checks nothing: never put it where
 * strangers can reach it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_EVENTS = 4096, EVENT_BYTES = 512 };

typedef struct conn {
    char *in;
    int in_len, in_cap;
    int dialect;          /* of the stream under way: 0 OpenAI, 1 Anthropic */
    int next_event;       /* -1: no stream under way */
    int64_t due_ns;
    struct conn *next_due;
    int fd;
} conn;

static conn *conns[MAX_FD];
static int event_count = 20;
static int64_t pace_ns = 0;
static char reply[2][2048], head[256], *events[2];
static int reply_len[2], head_len, *event_len[2], last_token[2], last_index[2];
static conn *due_first, *due_last;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void put_event(int dialect, int i, const char *text) {
    event_len[dialect][i] = snprintf(
        events[dialect] + (size_t)i * EVENT_BYTES, EVENT_BYTES, "%zx\r\n%s\r\n", strlen(text), text);
}

static void build_openai(void) {
    char text[EVENT_BYTES];
    for (int i = 0; i < event_count; i++) {
        snprintf(text, sizeof text,
            "data: {\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
            "\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\"token%d \"},"
            "\"finish_reason\":%s}]}\n\n",
            i == 0 ? "\"role\":\"assistant\"," : "", i, i == event_count - 1 ? "\"stop\"" : "null");
        put_event(0, i, text);
    }
    put_event(0, event_count,
        "data: {\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,"
        "\"model\":\"bench-model\",\"choices\":[],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":20,"
        "\"total_tokens\":220}}\n\n");
    put_event(0, event_count + 1, "data: [DONE]\n\n");
    last_token[0] = event_count - 1;
    last_index[0] = event_count + 1;
}

static void build_anthropic(void) {
    char text[EVENT_BYTES];
    put_event(1, 0,
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench0001\",\"type\":\"message\","
        "\"role\":\"assistant\",\"model\":\"bench-model\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":200,\"output_tokens\":1}}}\n\n");
    put_event(1, 1,
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    for (int i = 0; i < event_count; i++) {
        snprintf(text, sizeof text,
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            "\"delta\":{\"type\":\"text_delta\",\"text\":\"token%d \"}}\n\n", i);
        put_event(1, i + 2, text);
    }
    put_event(1, event_count + 2, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    put_event(1, event_count + 3,
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
        "\"stop_sequence\":null},\"usage\":{\"output_tokens\":20}}\n\n");
    put_event(1, event_count + 4, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    last_token[1] = event_count + 1;
    last_index[1] = event_count + 4;
}

static void build(void) {
    static const char *bodies[2] = {
        "{\"id\":\"chatcmpl-bench0001\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"bench-model\","
        "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Many streams fill the basin, and the "
        "turbines draw from it. What comes in as commitments goes out as leases, and limits follow capacity.\"},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":30,"
        "\"total_tokens\":230},\"system_fingerprint\":\"fp_bench\"}",
        "{\"id\":\"msg_bench0001\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench-model\",\"content\":[{"
        "\"type\":\"text\",\"text\":\"Many streams fill the basin, and the turbines draw from it. What comes in as "
        "commitments goes out as leases, and limits follow capacity.\"}],\"stop_reason\":\"end_turn\","
        "\"stop_sequence\":null,\"usage\":{\"input_tokens\":200,\"output_tokens\":30}}" };
    for (int d = 0; d < 2; d++) {
        reply_len[d] = snprintf(reply[d], sizeof reply[d],
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
            strlen(bodies[d]), bodies[d]);
        events[d] = malloc((size_t)(event_count + 8) * EVENT_BYTES);
        event_len[d] = malloc((size_t)(event_count + 8) * sizeof(int));
    }
    head_len = snprintf(head, sizeof head,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        "Transfer-Encoding: chunked\r\n\r\n");
    build_openai();
    build_anthropic();
}

/* Whole or nothing: a reader that keeps up never fills the socket's buffer, and one that does not is cut. */
static int send_all(int fd, const char *p, int n) {
    while (n > 0) {
        int k = (int)send(fd, p, (size_t)n, MSG_NOSIGNAL);
        if (k < 0 && errno == EAGAIN) {
            usleep(50);
            continue;
        }
        if (k < 0) return -1;
        p += k;
        n -= k;
    }
    return 0;
}

static void cut(conn *c) {
    close(c->fd);
    c->next_event = -1;
    c->in_len = 0;
    conns[c->fd] = NULL;
    c->fd = -1;
    free(c->in);
    c->in = NULL;
    /* A connection in the queue of due events is freed when its turn comes. */
    if (c->due_ns == 0) free(c);
}

static int send_event(conn *c) {
    int d = c->dialect, i = c->next_event;
    if (send_all(c->fd, events[d] + (size_t)i * EVENT_BYTES, event_len[d][i])) return -1;
    if (i == last_index[d]) {
        c->next_event = -1;
        return send_all(c->fd, "0\r\n\r\n", 5);
    }
    c->next_event = i + 1;
    return 0;
}

static void enqueue(conn *c, int64_t due) {
    c->due_ns = due;
    c->next_due = NULL;
    if (due_last) due_last->next_due = c; else due_first = c;
    due_last = c;
}

static int start_stream(conn *c, int dialect) {
    c->dialect = dialect;
    c->next_event = 0;
    if (send_all(c->fd, head, head_len)) return -1;
    if (pace_ns > 0) {
        enqueue(c, now_ns() + pace_ns);
        return 0;
    }
    while (c->next_event >= 0) if (send_event(c)) return -1;
    return 0;
}

/* Events are due in the order in which they were queued, because all wait equally long. */
static int run_due(int64_t now) {
    while (due_first && due_first->due_ns <= now) {
        conn *c = due_first;
        due_first = c->next_due;
        if (!due_first) due_last = NULL;
        int64_t due = c->due_ns;
        c->due_ns = 0;
        if (c->fd < 0) { free(c); continue; }
        int broken = send_event(c);
        while (!broken && c->next_event > last_token[c->dialect]) broken = send_event(c);
        if (broken) { cut(c); continue; }
        if (c->next_event >= 0) enqueue(c, due + pace_ns > now ? due + pace_ns : now);
    }
    if (!due_first) return -1;
    return (int)((due_first->due_ns - now + 999999) / 1000000);
}

static int answer(conn *c, const char *path, const char *body, int body_len) {
    static const char models[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 64\r\n\r\n"
        "{\"object\":\"list\",\"data\":[{\"id\":\"bench-model\",\"object\":\"model\"}]}";
    if (!strncmp(path, "/v1/models", 10)) return send_all(c->fd, models, sizeof models - 1);
    int dialect = strncmp(path, "/v1/messages", 12) == 0;
    if (memmem(body, (size_t)body_len, "\"stream\":true", 13) || memmem(body, (size_t)body_len, "\"stream\": true", 14))
        return start_stream(c, dialect);
    return send_all(c->fd, reply[dialect], reply_len[dialect]);
}

/* Takes whole requests out of what has come; -1 cuts the connection. */
static int take_requests(conn *c) {
    while (c->in_len > 0) {
        c->in[c->in_len] = 0;
        char *end = strstr(c->in, "\r\n\r\n");
        if (!end) return 0;
        int head_bytes = (int)(end - c->in) + 4;
        *end = 0;
        char *length = strcasestr(c->in, "\r\ncontent-length:");
        char *chunked = strcasestr(c->in, "\r\ntransfer-encoding: chunked");
        char *path = strchr(c->in, ' ');
        *end = '\r';
        if (!path) return -1;
        int total;
        if (chunked) {
            char *last = memmem(c->in + head_bytes, (size_t)(c->in_len - head_bytes), "0\r\n\r\n", 5);
            if (!last) return 0;
            total = (int)(last + 5 - c->in);
        } else {
            total = head_bytes + (length ? atoi(length + 17) : 0);
        }
        if (c->in_len < total) return 0;
        if (answer(c, path + 1, c->in + head_bytes, total - head_bytes)) return -1;
        memmove(c->in, c->in + total, (size_t)(c->in_len - total));
        c->in_len -= total;
    }
    return 0;
}

static void receive(conn *c) {
    if (c->in_cap - c->in_len < 8192) {
        c->in_cap = c->in_cap * 2 + 16384;
        c->in = realloc(c->in, (size_t)c->in_cap);
    }
    int k = (int)recv(c->fd, c->in + c->in_len, (size_t)(c->in_cap - c->in_len - 1), 0);
    if (k < 0 && errno == EAGAIN) return;
    if (k <= 0) { cut(c); return; }
    c->in_len += k;
    if (take_requests(c)) cut(c);
}

int main(int argc, char **argv) {
    int port = argc > 1 ? atoi(argv[1]) : 9001, one = 1;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--events")) event_count = atoi(argv[i + 1]);
        if (!strcmp(argv[i], "--pace-us")) pace_ns = atoll(argv[i + 1]) * 1000;
    }
    if (event_count < 1 || event_count > MAX_EVENTS) {
        fprintf(stderr, "--events must be from 1 to %d\n", MAX_EVENTS);
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    build();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(listener, (void *)&at, sizeof at) || listen(listener, 16384)) { perror("listen"); return 1; }
    int ep = epoll_create1(0);
    struct epoll_event e = { .events = EPOLLIN, .data.fd = listener }, ready[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, ready, 512, due_first ? run_due(now_ns()) : -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd != listener) { if (conns[fd]) receive(conns[fd]); continue; }
            for (int k; (k = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                if (k >= MAX_FD) { close(k); continue; }
                setsockopt(k, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                conns[k] = calloc(1, sizeof(conn));
                conns[k]->fd = k;
                conns[k]->next_event = -1;
                struct epoll_event x = { .events = EPOLLIN, .data.fd = k };
                epoll_ctl(ep, EPOLL_CTL_ADD, k, &x);
            }
        }
    }
}
