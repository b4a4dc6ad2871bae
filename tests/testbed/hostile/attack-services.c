#include "attacks.h"

// The first words of interface types.
#define DYNAMIC_MEMORY 0x525074DCu

#define LONGEST 700u
#define RESPONSE 5

enum { VERSION_REQUEST = 1, CAPABILITIES = 3, STATUS = 5, BALLOON = 7, UNBALLOONED = 9, HOT_ADDED = 11 };

static u8 rings[2 * RING_PAGES * PAGE] PAGE_ALIGNED;
static struct channel service;
static struct packet asked;
static u64 random_state = 0x5E41;

static u32 below(u32 limit) { return (u32)(next_random(&random_state) >> 33) % limit; }

// Keeps the last packet of the host, to answer it.
static bool hear(void)
{
    bool heard = false;
    while (take_packet(&service, &asked)) heard = true;
    return heard;
}

// The host has taken all that was sent: nonsense costs it nothing and closes nothing.
static void expect_served(const char *what)
{
    struct limit limit = {0};
    while (outbound(&service)->read != service.write && !was_rescinded(service.id)) wait(&limit, what);
    check(what, false, was_rescinded(service.id));
}

static void close_service(void)
{
    post_words(2, CLOSE, service.id);
    teardown_gpadl(service.id, service.gpadl);
}

static void attack_noise(void)
{
    static u8 payload[LONGEST];
    for (u32 i = 0; i < 1500; i++)
    {
        u32 bytes = below(LONGEST + 1);
        for (u32 at = 0; at < bytes; at += 8)
        {
            u64 word = next_random(&random_state);
            memcpy(payload + at, &word, bytes - at < 8 ? bytes - at : 8);
        }

        u16 type = below(4) ? INBAND : (u16)below(16);
        send_packet(&service, type, (u16)below(2), below(2) ? asked.transaction : next_random(&random_state), payload, below(3) * 8, payload, bytes);
        if (i % 16 == 0) hear();
    }

    expect_served("noise");
}

// Answers what the host has asked, with some of it wrong.
static void attack_answers(void)
{
    struct limit limit = {0};
    while (!hear()) wait(&limit, "a negotiation");
    u32 bytes = asked.total_words * 8u - 16;
    for (u32 i = 0; i < 1500; i++)
    {
        struct packet answer = asked;
        answer.data[25] = RESPONSE;
        for (u32 wrong = below(4); wrong > 0; wrong--) answer.data[below(bytes)] = (u8)next_random(&random_state);
        u32 length = below(4) ? bytes : below(bytes);
        send_packet(&service, INBAND, 0, below(8) ? answer.transaction : next_random(&random_state), NULL, 0, answer.data, length);
        if (hear()) bytes = asked.total_words * 8u - 16;
    }

    expect_served("answers");
}

// Never reads, and asks for answers where it can.
static void attack_deafness(void)
{
    u32 words[12] = {VERSION_REQUEST | 16 << 16, 0, 0x20000, 0};
    for (u32 i = 0; i < 2000; i++) send_packet(&service, INBAND, 0, i, NULL, 0, words, 16);
    expect_served("a guest that does not read");
}

static void send_memory(u32 type, u32 bytes, u32 third, u32 fourth, u64 range)
{
    u32 words[12] = {type | bytes << 16, 0, third, fourth, (u32)range, (u32)(range >> 32)};
    send_packet(&service, INBAND, 0, 0, NULL, 0, words, bytes <= sizeof(words) ? bytes : sizeof(words));
}

static void attack_memory(void)
{
    send_memory(CAPABILITIES, 32, 0xFFFFFFFF, 0xFFFFFFFF, 0);
    send_memory(VERSION_REQUEST, 16, 0x20000, 0, 0);
    send_memory(CAPABILITIES, 32, 0xFFFFFFFF, 0xFFFFFFFF, ~0ull);
    for (u32 i = 0; i < 200; i++)
    {
        // Nobody has asked for these; the first would give away page 0 and what follows.
        send_memory(BALLOON, 24, 0, 1 << 1, (u64)1 << 40);
        send_memory(BALLOON, 24, 0, 0xFFFFFFFF, ~0ull);
        send_memory(BALLOON, 24, 0, (u32)next_random(&random_state), next_random(&random_state));
        send_memory(UNBALLOONED, 8, 0, 0, 0);
        send_memory(HOT_ADDED, 16, 0xFFFFFFFF, below(3), 0);
        send_memory(STATUS, 48, (u32)next_random(&random_state), 0xFFFFFFFF, ~0ull);
        send_memory(STATUS, 47, 0, 0, 0);
        send_memory(VERSION_REQUEST, 4096, 0, 0, 0);
        hear();
    }

    expect_served("answers that nobody asked for");
}

static void attack_one(u32 id, u32 type)
{
    // A host that closes a channel over nonsense would not offer it again before the next connection.
    memset(&asked, 0, sizeof(asked));
    if (type != DYNAMIC_MEMORY)
    {
        open_rings(&service, id, rings);
        attack_answers();
        close_service();
    }
    else
    {
        open_rings(&service, id, rings);
        attack_memory();
        close_service();
    }

    open_rings(&service, id, rings);
    attack_noise();
    close_service();
    open_rings(&service, id, rings);
    attack_deafness();
    close_service();
    for (u32 i = 0; i < 20; i++)
    {
        open_rings(&service, id, rings);
        close_service();
    }
}

void attack_services(void)
{
    check("services besides storage", 7, service_count);
    for (u32 i = 0; i < service_count; i++)
    {
        begin("service");
        print_number(services[i].type);
        print("\n");
        attack_one(services[i].id, services[i].type);
        check_storage();
    }

    begin("all of them go while they are open");
    open_rings(&service, services[0].id, rings);
}
