// The network's part of `soak`: transfers over TCP, both ways, of bytes that follow from the transfer's number. What goes from guest to guest on one host
// has no checksum but this.
#include "soaking.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PORT = 7000, TRANSFER_BLOCKS = 32, TIMEOUT_SECONDS = 5, PAUSE_MS = 50 };

static uint64_t sent[BLOCK_BYTES / 8], received[BLOCK_BYTES / 8];

static bool send_all(int stream, const void *bytes, size_t count)
{
    for (const char *at = bytes; count > 0;)
    {
        ssize_t step = send(stream, at, count, MSG_NOSIGNAL);
        if (step <= 0) return false;
        at += step;
        count -= (size_t)step;
    }

    return true;
}

static bool receive_all(int stream, void *bytes, size_t count) { return recv(stream, bytes, count, MSG_WAITALL) == (ssize_t)count; }

static bool send_transfer(int stream, uint64_t key, const char *name, uint64_t number)
{
    for (uint64_t i = 0; i < TRANSFER_BLOCKS; i++)
    {
        fill_block(sent, key, name, number * TRANSFER_BLOCKS + i);
        if (!send_all(stream, sent, sizeof(sent))) return false;
    }

    return true;
}

// False when the connection broke, or after a line that tells what was wrong.
static bool receive_transfer(int stream, uint64_t key, const char *name, uint64_t number)
{
    for (uint64_t i = 0; i < TRANSFER_BLOCKS; i++)
    {
        if (!receive_all(stream, received, sizeof(received))) return false;
        fill_block(sent, key, name, number * TRANSFER_BLOCKS + i);
        if (memcmp(sent, received, sizeof(sent)) == 0) continue;
        tell("wrong transfer %llu of %llu, %s: block %llu holds %llx %llx %llx %llx", (unsigned long long)number, (unsigned long long)key, name, (unsigned long long)i,
            (unsigned long long)received[0], (unsigned long long)received[1], (unsigned long long)received[2], (unsigned long long)received[3]);
        return false;
    }

    return true;
}

static int open_stream(void)
{
    int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream < 0) err(1, "socket");
    return stream;
}

static void limit(int stream)
{
    struct timeval time = {.tv_sec = TIMEOUT_SECONDS};
    setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

static struct sockaddr_in place(const char *address)
{
    struct sockaddr_in value = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    if (inet_pton(AF_INET, address, &value.sin_addr) != 1) errx(2, "'%s' is no address", address);
    return value;
}

_Noreturn void serve_transfers(const char *address)
{
    struct sockaddr_in own = place(address);
    int listener = open_stream(), yes = 1;
    signal(SIGCHLD, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    // The adapter may come later.
    setsockopt(listener, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
    if (bind(listener, (struct sockaddr *)&own, sizeof(own)) != 0 || listen(listener, 16) != 0) err(1, "%s", address);
    for (;;)
    {
        int stream = accept(listener, NULL, NULL);
        if (stream < 0) continue;
        if (fork() == 0)
        {
            uint64_t head[2];
            limit(stream);
            while (receive_all(stream, head, sizeof(head)) && receive_transfer(stream, head[0], "there", head[1]) && send_transfer(stream, head[0], "back", head[1])) {}
            _exit(0);
        }

        close(stream);
    }
}

// The guest's one adapter, whatever it is called and however often it has come.
static void set_up_adapter(const char *address)
{
    DIR *adapters = opendir("/sys/class/net");
    if (adapters == NULL) return;
    int control = open_stream();
    for (struct dirent *entry; (entry = readdir(adapters)) != NULL;)
    {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lo") == 0 || strlen(entry->d_name) >= IFNAMSIZ) continue;
        struct ifreq request = {0};
        struct sockaddr_in own = place(address), *current = (struct sockaddr_in *)&request.ifr_addr;
        strcpy(request.ifr_name, entry->d_name);
        if (ioctl(control, SIOCGIFADDR, &request) != 0 || current->sin_addr.s_addr != own.sin_addr.s_addr)
        {
            own.sin_port = 0;
            memcpy(&request.ifr_addr, &own, sizeof(own));
            ioctl(control, SIOCSIFADDR, &request);
            current->sin_addr.s_addr = htonl(0xFFFFFF00);
            ioctl(control, SIOCSIFNETMASK, &request);
        }

        if (ioctl(control, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) == 0)
        {
            request.ifr_flags |= IFF_UP;
            ioctl(control, SIOCSIFFLAGS, &request);
        }
    }

    close(control);
    closedir(adapters);
}

_Noreturn void send_transfers(uint64_t key, const char *address, const char *peer)
{
    struct sockaddr_in other = place(peer);
    uint64_t number = 0, moved = 0, told_at = 0;
    for (;;)
    {
        set_up_adapter(address);
        int stream = open_stream();
        limit(stream);
        if (connect(stream, (struct sockaddr *)&other, sizeof(other)) == 0)
        {
            for (;;)
            {
                uint64_t head[] = {key, ++number};
                if (!send_all(stream, head, sizeof(head)) || !send_transfer(stream, key, "there", number) || !receive_transfer(stream, key, "back", number)) break;
                moved++;
                if (now_ms() - told_at >= TELL_MS)
                {
                    tell("moved %llu", (unsigned long long)moved);
                    told_at = now_ms();
                }

                sleep_ms(PAUSE_MS);
            }
        }

        close(stream);
        sleep_ms(PAUSE_MS * 4);
    }
}
