#include "attacks.h"

static volatile bool stop;
static struct channel *volatile victim;
static u64 state = 0xFEDCBA987654321;

// What is written over a ring. As page numbers these are no RAM or the first 32 KiB, which nobody needs: the guest does not hit itself.
static u64 harmful_word(void)
{
    u64 random = next_random(&state);
    switch (random & 7)
    {
        case 0: return 0;
        case 1: return ~0ull;
        case 2: return random >> 61;
        case 3: return random | 1ull << 63;
        case 4: return (random >> 3 & 7) << 32 | 1ull << 60;
        case 5: return INBAND | 2ull << 16 | (random >> 8 & 31) << 32 | 1ull << 48;
        case 6: return GPA_DIRECT | (2 + (random >> 8 & 7)) << 16 | (random >> 16 & 63) << 32 | 1ull << 48;
        default: return random >> 56 | 1ull << 56;
    }
}

static void scribble(void)
{
    while (!stop)
    {
        struct channel *channel = victim;
        u64 random = next_random(&state);
        volatile u64 *data = (volatile u64 *)(channel->rings + PAGE);
        u32 near = outbound(channel)->read % RING_BYTES / 8 + (random >> 8 & 63);
        data[near % (RING_BYTES / 8)] = harmful_word();
        if ((random & 0x3F) == 0) outbound(channel)->mask = (u32)(random >> 32);
        if ((random & 0xFF0000) == 0) outbound(channel)->write = (u32)(random >> 32) % RING_BYTES & ~7u;
        if ((random & 0x1FF000000) == 0) inbound(channel)->read = (u32)(random >> 32) % RING_BYTES & ~7u;
    }
}

// Sends good requests until the host takes the channel away; their answers do not matter.
static void lose_race(struct channel *channel)
{
    struct vstor request = make_request(0, READ_DATA, 0, PAGE);
    struct buffer buffer = make_buffer(PAGE);
    struct message message;
    victim = channel;
    stop = false;
    run_on_second(scribble);
    for (u32 i = 0; i < 3000 && !was_rescinded(channel->id); i++)
    {
        struct { u16 type, header, total, flags; u64 transaction; } descriptor = {GPA_DIRECT, 5, 13, WANTED, 1 + i};
        put(channel, &descriptor, sizeof(descriptor));
        put(channel, &buffer, 24);
        put(channel, &request, sizeof(request));
        u64 trailer = 0;
        put(channel, &trailer, 8);
        publish(channel);
        if (take_message(&message)) fatal("a message while a ring is overwritten", message.words[0]);
    }

    stop = true;
    join_second();
    if (channel == &subchannel) check_channel(&primary);
    recover();
}

static void repeat(const char *name, struct channel *channel)
{
    begin(name);
    for (u32 round = 0; round < 15; round++) lose_race(channel);
}

// A GPADL in a message that changes while the host reads it is read once: from the posted copy.
static u32 input[64] __attribute__((aligned(256)));

static void flip_message(void)
{
    for (u64 random = 1; !stop; next_random(&random))
    {
        input[3] = random & 1 ? 240 : (u32)random;
        input[4] = random & 6 ? GPADL_TEARDOWN : (u32)random % 30 == INITIATE_CONTACT ? 0 : (u32)random % 14;
        input[7] = 0xFEE000;
    }
}

static void race_messages(void)
{
    begin("messages that change while they are posted");
    stop = false;
    run_on_second(flip_message);
    struct message message;
    for (u32 i = 0; i < 20000; i++)
    {
        input[0] = 1;
        input[2] = 1;
        input[6] = 0x7FF;
        u64 status = hypercall(POST_MESSAGE, (u64)input);
        if (status != INVALID_PARAMETER && status != INSUFFICIENT_BUFFERS) check("status", HYPERCALL_SUCCESS, status);
        while (take_message(&message)) { }
    }

    stop = true;
    join_second();
    recover();
}

void attack_races(void)
{
    repeat("bytes of the primary's ring change while they are read", &primary);
    repeat("bytes of a sub-channel's ring change while they are read", &subchannel);
    race_messages();
}
