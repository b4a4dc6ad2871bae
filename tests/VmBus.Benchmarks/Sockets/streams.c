// Moves bytes over stream sockets between a guest and its host, and tells how long that took. Both ends are this program, whatever is between them.
//
//   streams listen FAMILY NAME                                     serves whoever connects; says "listening" once it does
//   streams connect FAMILY NAME STREAMS UP DOWN TRIPS              prints microseconds
//
//   FAMILY NAME   unix PATH, or vsock PORT: at any address to listen, at the host to connect. Of the guest: vhost PORT, the guest's CID being 3,
//                 or relay PATH, where our monitor takes "CONNECT PORT" and connects to port 5000
//   UP, DOWN      MiB to the listener and from it, of all streams together
//   TRIPS         messages of 64 bytes that each stream sends there and back, one at a time
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

enum { CHUNK = 64 * 1024, MESSAGE = 64, MAX_STREAMS = 16, GUEST_CID = 3 };

// What a stream begins with, in the byte order that both ends have.
struct order { uint64_t up, down, trips; };

static char chunk[CHUNK];

static void send_bytes(int stream, uint64_t bytes)
{
    while (bytes > 0)
    {
        ssize_t count = write(stream, chunk, bytes < CHUNK ? bytes : CHUNK);
        if (count < 0) err(1, "write");
        bytes -= (uint64_t)count;
    }
}

static void receive_bytes(int stream, uint64_t bytes)
{
    while (bytes > 0)
    {
        ssize_t count = read(stream, chunk, bytes < CHUNK ? bytes : CHUNK);
        if (count < 0) err(1, "read");
        if (count == 0) errx(1, "the other end closed the stream %llu bytes early", (unsigned long long)bytes);
        bytes -= (uint64_t)count;
    }
}

static void serve(int stream)
{
    struct order order;
    if (recv(stream, &order, sizeof(order), MSG_WAITALL) != sizeof(order)) errx(1, "a stream without an order");
    receive_bytes(stream, order.up);
    send_bytes(stream, order.down);
    for (uint64_t i = 0; i < order.trips; i++)
    {
        receive_bytes(stream, MESSAGE);
        send_bytes(stream, MESSAGE);
    }

    // That all has arrived.
    send_bytes(stream, 1);
}

static void use(int stream, struct order order)
{
    if (write(stream, &order, sizeof(order)) != sizeof(order)) err(1, "write");
    send_bytes(stream, order.up);
    receive_bytes(stream, order.down);
    for (uint64_t i = 0; i < order.trips; i++)
    {
        send_bytes(stream, MESSAGE);
        receive_bytes(stream, MESSAGE);
    }

    receive_bytes(stream, 1);
}

// A socket, and the address that it listens at or connects to.
static int make_socket(const char *family, const char *name, unsigned cid, struct sockaddr_storage *address, socklen_t *length)
{
    memset(address, 0, sizeof(*address));
    if (strcmp(family, "unix") == 0 || strcmp(family, "relay") == 0)
    {
        struct sockaddr_un *path = (struct sockaddr_un *)address;
        path->sun_family = AF_UNIX;
        if (strlen(name) >= sizeof(path->sun_path)) errx(1, "%s is too long", name);
        strcpy(path->sun_path, name);
        *length = sizeof(*path);
    }
    else
    {
        struct sockaddr_vm *port = (struct sockaddr_vm *)address;
        port->svm_family = AF_VSOCK;
        port->svm_cid = cid;
        port->svm_port = (unsigned)atol(name);
        *length = sizeof(*port);
    }

    int made = socket(address->ss_family, SOCK_STREAM, 0);
    if (made < 0) err(1, "socket");
    return made;
}

static void listen_at(const char *family, const char *name)
{
    struct sockaddr_storage address;
    socklen_t length;
    int listener = make_socket(family, name, VMADDR_CID_ANY, &address, &length);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, MAX_STREAMS) < 0) err(1, "%s %s", family, name);
    // Nobody waits for the children.
    signal(SIGCHLD, SIG_IGN);
    puts("listening");
    fflush(stdout);
    while (1)
    {
        int stream = accept(listener, NULL, NULL);
        if (stream < 0) err(1, "accept");
        pid_t child = fork();
        if (child < 0) err(1, "fork");
        if (child == 0)
        {
            serve(stream);
            exit(0);
        }

        close(stream);
    }
}

static void ask_relay(int stream)
{
    static const char line[] = "CONNECT 5000\n";
    char first = 0, next = 0;
    if (write(stream, line, strlen(line)) < 0) err(1, "write");
    // Byte by byte: after the answer comes the stream.
    while (next != '\n')
    {
        if (read(stream, &next, 1) != 1) errx(1, "the guest does not take the connection");
        if (first == 0) first = next;
    }

    if (first != 'O') errx(1, "the relay does not say OK");
}

static int connect_to(const char *family, const char *name)
{
    struct sockaddr_storage address;
    socklen_t length;
    int stream = make_socket(family, name, strcmp(family, "vhost") == 0 ? GUEST_CID : VMADDR_CID_HOST, &address, &length);
    if (connect(stream, (struct sockaddr *)&address, length) < 0) err(1, "%s %s", family, name);
    if (strcmp(family, "relay") == 0) ask_relay(stream);
    return stream;
}

static double microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

int main(int count, char **words)
{
    if (count == 4 && strcmp(words[1], "listen") == 0) listen_at(words[2], words[3]);
    int streams[MAX_STREAMS], number = count == 8 ? atoi(words[4]) : 0;
    if (number < 1 || number > MAX_STREAMS || strcmp(words[1], "connect") != 0) errx(2, "see the head of streams.c for the arguments");
    for (int i = 0; i < number; i++) streams[i] = connect_to(words[2], words[3]);
    uint64_t share = (1 << 20) / (uint64_t)number;
    struct order order = {(uint64_t)atol(words[5]) * share, (uint64_t)atol(words[6]) * share, (uint64_t)atol(words[7])};
    double begin = microseconds();
    for (int i = 1; i < number; i++)
    {
        pid_t child = fork();
        if (child < 0) err(1, "fork");
        if (child == 0)
        {
            use(streams[i], order);
            exit(0);
        }
    }

    use(streams[0], order);
    int status;
    while (wait(&status) > 0) if (status != 0) errx(1, "a stream failed");
    printf("%.0f\n", microseconds() - begin);
    return 0;
}
