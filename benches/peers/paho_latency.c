// Latency of the Paho C client: from MQTTAsync_sendMessage to the callback that gets the message, through the broker at
// 127.0.0.1:<port>, at 1,000 messages of 64 bytes a second.
//
//   paho_latency <port> <qos> <count> <warm-up>     prints median and 99th percentile in microseconds
//
// The library leaves Nagle's algorithm on and has no option for it; `connect` is replaced here to turn it off, as it is
// for the other clients.
#define _GNU_SOURCE
#include <MQTTAsync.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *TOPIC = "bench/latency";
static volatile int connected, subscribed, heard;
static int total, warm_up;
static double *times;

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "connect");
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return real(fd, address, length);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "paho_latency: %s\n", what);
    exit(1);
}

static int arrived(void *context, char *topic, int length, MQTTAsync_message *message) {
    uint64_t then;
    memcpy(&then, message->payload, sizeof then);
    if (heard < total) times[heard] = (double)(now() - then) / 1000.0;
    __atomic_add_fetch(&heard, 1, __ATOMIC_RELEASE);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void lost(void *context, char *cause) { die("the connection was lost"); }
static void on_connect(void *context, MQTTAsync_successData *data) { __atomic_add_fetch(&connected, 1, __ATOMIC_RELEASE); }
static void on_subscribe(void *context, MQTTAsync_successData *data) { __atomic_store_n(&subscribed, 1, __ATOMIC_RELEASE); }
static void on_failure(void *context, MQTTAsync_failureData *data) { die("the broker refused"); }

static void wait_until(volatile int *value, int wanted) {
    for (int patience = 0; __atomic_load_n(value, __ATOMIC_ACQUIRE) < wanted; patience++) {
        if (patience > 100000) die("waited 10 s in vain");
        usleep(100);
    }
}

static MQTTAsync client(const char *port, const char *id) {
    char uri[64];
    MQTTAsync client;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    snprintf(uri, sizeof uri, "tcp://127.0.0.1:%s", port);
    if (MQTTAsync_create(&client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL)) die("no client");
    if (MQTTAsync_setCallbacks(client, NULL, lost, arrived, NULL)) die("no callbacks");
    options.cleansession = 1;
    options.maxInflight = 1000;
    options.onSuccess = on_connect;
    options.onFailure = on_failure;
    if (MQTTAsync_connect(client, &options)) die("no connection");
    return client;
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv) {
    if (argc != 5) die("usage: paho_latency <port> <qos> <count> <warm-up>");
    int qos = atoi(argv[2]), count = atoi(argv[3]);
    warm_up = atoi(argv[4]);
    total = count + warm_up;
    times = calloc((size_t)total, sizeof *times);
    MQTTAsync publisher = client(argv[1], "paho-publisher"), subscriber = client(argv[1], "paho-subscriber");
    wait_until(&connected, 2);
    MQTTAsync_responseOptions answer = MQTTAsync_responseOptions_initializer;
    answer.onSuccess = on_subscribe;
    answer.onFailure = on_failure;
    if (MQTTAsync_subscribe(subscriber, TOPIC, qos, &answer)) die("no subscription");
    wait_until(&subscribed, 1);
    char payload[64];
    memset(payload, 'x', sizeof payload);
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (int number = 0; number < total; number++) {
        next.tv_nsec += 1000000;
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        uint64_t stamp = now();
        memcpy(payload, &stamp, sizeof stamp);
        if (MQTTAsync_send(publisher, TOPIC, sizeof payload, payload, qos, 0, &options)) die("not sent");
    }
    wait_until(&heard, total);
    qsort(times + warm_up, (size_t)count, sizeof *times, by_size);
    printf("%f %f\n", times[warm_up + count / 2], times[warm_up + count * 99 / 100]);
    // The process ends: what the library still holds goes with it.
    fflush(stdout);
    _exit(0);
}
