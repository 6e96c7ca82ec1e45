/* Holds many paced streams open through a gateway and times every event.
 *
 *   streams PORT PATH BODY_FILE KEY --streams N --events E --pace-us P --ramp-ms R --seconds S
 *
 * N connections, opened evenly over R ms; each sends the body, reads its stream to the end and begins again until S
 * seconds are over (0: one stream each). An event is a blank line in the decoded body. One line of JSON on stdout:
 * streams completed and failed, events, time to first event, gaps between a stream's events (from its second on), and
 * how many gaps were stalls, that is, longer than ten times the pace.
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

enum { BUCKETS = 64 * 32 };

typedef enum { HEAD, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER } phase;

typedef struct {
    int fd, events, newlines, head_match, status_ok, line_len;
    phase at;
    long chunk_left;
    int64_t sent_ns, last_ns;
    char status[16];
    int status_len;
} stream;

static int port, wanted_events, request_len, ep;
static char *request;
static int64_t pace_ns, stop_ns;
static long completed, failed, short_streams, total_events, stalls, open_streams;
static uint32_t gaps[BUCKETS], firsts[BUCKETS];
static int64_t max_gap;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* 32 buckets to each doubling: within 2.2%. */
static int bucket_of(int64_t ns) {
    if (ns < 32) return (int)(ns < 0 ? 0 : ns);
    int exp = 63 - __builtin_clzll((uint64_t)ns);
    return (exp - 4) * 32 + (int)((ns >> (exp - 5)) & 31);
}

static double quantile_ms(const uint32_t *h, double q) {
    uint64_t all = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++) all += h[i];
    if (all == 0) return -1;
    uint64_t want = (uint64_t)(q * (double)(all - 1)) + 1;
    for (int i = 0; i < BUCKETS; i++) {
        seen += h[i];
        if (seen >= want) {
            if (i < 32) return i / 1e6;
            int exp = i / 32 + 4;
            return (double)(((int64_t)(32 + i % 32)) << (exp - 5)) / 1e6;
        }
    }
    return -1;
}

static void begin(stream *s) {
    s->events = s->newlines = s->head_match = s->status_len = s->line_len = 0;
    s->at = HEAD;
    s->chunk_left = 0;
    s->sent_ns = s->last_ns = now_ns();
    int k = (int)send(s->fd, request, (size_t)request_len, MSG_NOSIGNAL);
    if (k != request_len) {
        failed++;
        open_streams--;
        close(s->fd);
        s->fd = -1;
    }
}

static void open_stream(stream *s) {
    int one = 1;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    open_streams++;
    if (s->fd < 0 || connect(s->fd, (void *)&to, sizeof to)) {
        failed++;
        open_streams--;
        if (s->fd >= 0) close(s->fd);
        s->fd = -1;
        return;
    }
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
    begin(s);
    if (s->fd < 0) return;
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e);
}

static void one_event(stream *s, int64_t now) {
    s->events++;
    total_events++;
    if (s->events == 1) {
        firsts[bucket_of(now - s->sent_ns)]++;
    } else {
        int64_t gap = now - s->last_ns;
        gaps[bucket_of(gap)]++;
        if (gap > max_gap) max_gap = gap;
        if (gap > 10 * pace_ns) stalls++;
    }
    s->last_ns = now;
}

/* Returns 1 when the response has ended. */
static int take(stream *s, const char *p, int n, int64_t now) {
    for (int i = 0; i < n; i++) {
        char c = p[i];
        switch (s->at) {
        case HEAD:
            if (s->status_len < 15) s->status[s->status_len++] = c;
            s->head_match = c == "\r\n\r\n"[s->head_match] ? s->head_match + 1 : c == '\r';
            if (s->head_match == 4) s->at = CHUNK_SIZE;
            break;
        case CHUNK_SIZE:
            if (c == '\n') {
                s->line_len = 0;
                s->at = s->chunk_left ? CHUNK_DATA : TRAILER;
            } else if (c != '\r') {
                s->chunk_left = s->chunk_left * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
            }
            break;
        case CHUNK_DATA:
            if (c == '\n') {
                if (++s->newlines == 2) one_event(s, now);
            } else if (c != '\r') {
                s->newlines = 0;
            }
            if (--s->chunk_left == 0) s->at = CHUNK_END;
            break;
        case CHUNK_END:
            if (c == '\n') s->at = CHUNK_SIZE;
            break;
        case TRAILER:
            if (c == '\n') {
                if (s->line_len == 0) return 1;
                s->line_len = 0;
            } else if (c != '\r') {
                s->line_len++;
            }
            break;
        }
    }
    return 0;
}

static void ended(stream *s, int ok) {
    if (ok && strncmp(s->status + 9, "200", 3) == 0 && s->events >= wanted_events) {
        completed++;
    } else {
        failed++;
        if (ok) short_streams++;
    }
    if (ok && now_ns() < stop_ns) {
        begin(s);
        return;
    }
    open_streams--;
    close(s->fd);
    s->fd = -1;
}

static void readable(stream *s) {
    static char buffer[65536];
    int n = (int)recv(s->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) { ended(s, 0); return; }
    if (take(s, buffer, n, now_ns())) ended(s, 1);
}

static void prepare(const char *path, const char *body_file, const char *key) {
    FILE *f = fopen(body_file, "rb");
    if (!f) { perror(body_file); exit(1); }
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    request = malloc((size_t)size + 1024);
    request_len = sprintf(request,
        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
        "anthropic-version: 2023-06-01\r\nContent-Length: %ld\r\n\r\n", path, key, size);
    if (fread(request + request_len, 1, (size_t)size, f) != (size_t)size) exit(1);
    fclose(f);
    request_len += (int)size;
}

int main(int argc, char **argv) {
    long count = 100, ramp_ms = 1000, seconds = 0;
    if (argc < 5) { fprintf(stderr, "see the head of streams.c\n"); return 2; }
    port = atoi(argv[1]);
    prepare(argv[2], argv[3], argv[4]);
    for (int i = 5; i + 1 < argc; i += 2) {
        long v = atol(argv[i + 1]);
        if (!strcmp(argv[i], "--streams")) count = v;
        if (!strcmp(argv[i], "--events")) wanted_events = (int)v;
        if (!strcmp(argv[i], "--pace-us")) pace_ns = v * 1000;
        if (!strcmp(argv[i], "--ramp-ms")) ramp_ms = v;
        if (!strcmp(argv[i], "--seconds")) seconds = v;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    ep = epoll_create1(0);
    stream *all = calloc((size_t)count, sizeof(stream));
    int64_t start = now_ns();
    stop_ns = start + ramp_ms * 1000000 + seconds * 1000000000;
    /* Nobody waits for an answer for ever. */
    int64_t give_up = stop_ns + (int64_t)wanted_events * pace_ns * 3 + 30000000000LL;
    long opened = 0, most_open = 0;
    struct epoll_event ready[512];
    while (opened < count || open_streams > 0) {
        int64_t now = now_ns();
        if (now > give_up) { failed += open_streams; break; }
        while (opened < count && now - start >= opened * ramp_ms * 1000000 / count) open_stream(&all[opened++]);
        if (open_streams > most_open) most_open = open_streams;
        int n = epoll_wait(ep, ready, 512, opened < count ? 1 : 100);
        for (int i = 0; i < n; i++) readable(ready[i].data.ptr);
    }
    printf("{\"streams\":%ld,\"mostOpen\":%ld,\"completed\":%ld,\"failed\":%ld,\"short\":%ld,\"events\":%ld,\"stalls\":%ld,"
        "\"firstP50Ms\":%.3f,\"firstP99Ms\":%.3f,\"gapP50Ms\":%.3f,\"gapP99Ms\":%.3f,\"gapMaxMs\":%.3f}\n",
        count, most_open, completed, failed, short_streams, total_events, stalls, quantile_ms(firsts, 0.5),
        quantile_ms(firsts, 0.99), quantile_ms(gaps, 0.5), quantile_ms(gaps, 0.99), (double)max_gap / 1e6);
    return 0;
}
