#include "attacks.h"

static u8 input[2 * PAGE] PAGE_ALIGNED;

// A message at an address, as it stands in `input`.
static u64 post_from(u64 address) { return hypercall(POST_MESSAGE, address); }

static void fill_input(u32 connection, u32 type, u32 bytes)
{
    memset(input, 0, sizeof(input));
    u32 *words = (u32 *)input;
    words[0] = connection;
    words[2] = type;
    words[3] = bytes;
    words[4] = REQUEST_OFFERS;
}

static void attack_posts(void)
{
    begin("post a message from nowhere");
    fill_input(1, 1, 8);
    check("fast", INVALID_CODE, hypercall(POST_MESSAGE | FAST, (u64)input));
    check("with a repeat count", INVALID_INPUT, hypercall(POST_MESSAGE | 1ull << 32, (u64)input));
    check("with a variable header", INVALID_INPUT, hypercall(POST_MESSAGE | 1 << 17, (u64)input));
    check("with a reserved bit", INVALID_INPUT, hypercall(POST_MESSAGE | 1ull << 63, (u64)input));
    check("at an odd address", INVALID_ALIGNMENT, post_from((u64)input + 4));
    check("over the end of a page", INVALID_ALIGNMENT, post_from((u64)input + PAGE - 248));
    check("behind RAM", INVALID_PARAMETER, post_from(64 << 20));
    check("in the hole below 4 GiB", INVALID_PARAMETER, post_from(0xFEE00000));
    check("above 4 GiB", INVALID_PARAMETER, post_from(1ull << 32));
    check("at the end of addresses", INVALID_PARAMETER, post_from(0xFFFFFFFFFFFFF000));
    check("at the last address", INVALID_ALIGNMENT, post_from(0xFFFFFFFFFFFFFFF8));

    begin("post a message that is none");
    static const u32 lengths[] = {241, 255, 256, 4096, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(lengths); i++)
    {
        fill_input(1, 1, lengths[i]);
        check("longer than a message", INVALID_PARAMETER, post_from((u64)input));
    }

    fill_input(1, 0, 8);
    check("of type 0", INVALID_PARAMETER, post_from((u64)input));
    fill_input(1, 0x80000010, 8);
    check("of the hypervisor's type", INVALID_PARAMETER, post_from((u64)input));
    static const u32 connections[] = {0, 2, 3, 5, 0x2001, 0x2002, 0xFFFFFF, 0xFFFFFF00};
    for (u32 i = 0; i < COUNT(connections); i++)
    {
        fill_input(connections[i], 1, 8);
        check("to another connection", INVALID_CONNECTION, post_from((u64)input));
    }

    expect_no_answer("bad posts");
    for (u32 bytes = 0; bytes < 8; bytes++) check("a message without a number", HYPERCALL_SUCCESS, post_to(1, 1, bytes, input));
    expect_no_answer("messages without a number");
}

static void attack_signals(void)
{
    begin("signal what does not exist");
    static const u64 addresses[] = {0xFFFFFFFFFFFFFFFF, 0xFFFF000000000000, 0x8000000000000000, 0x0001000000000000};
    for (u32 i = 0; i < COUNT(addresses); i++)
        check("what looks like an address", INVALID_INPUT, hypercall(SIGNAL_EVENT | FAST, addresses[i] & 0xFFFF0000FF000000));
    static const u64 connections[] = {0, 1, 2, 3, 4, 0x2000, 0x2003, 0x27FF, 0x2800, 0xFFFFFF, 0x100000000, 0xFFFF00000000, 0x100002001};
    for (u32 i = 0; i < COUNT(connections); i++)
        check("an unknown connection or flag", INVALID_CONNECTION, hypercall(SIGNAL_EVENT | FAST, connections[i]));
    u64 state = 1;
    for (u32 i = 0; i < 1000; i++)
    {
        u64 status = hypercall(SIGNAL_EVENT | FAST, next_random(&state) | 0x40000000000);
        if (status != INVALID_INPUT && status != INVALID_CONNECTION) check("a random parameter", INVALID_INPUT, status);
    }

    begin("signal from nowhere");
    memset(input, 0xFF, sizeof(input));
    check("a parameter of ones", INVALID_INPUT, hypercall(SIGNAL_EVENT, (u64)input));
    *(u64 *)input = 0x2777;
    check("an unknown connection in memory", INVALID_CONNECTION, hypercall(SIGNAL_EVENT, (u64)input));
    *(u64 *)input = primary.connection;
    check("a known connection in memory", HYPERCALL_SUCCESS, hypercall(SIGNAL_EVENT, (u64)input));
    check("at an odd address", INVALID_ALIGNMENT, hypercall(SIGNAL_EVENT, (u64)input + 4));
    check("behind RAM", INVALID_ALIGNMENT, hypercall(SIGNAL_EVENT, 64 << 20));
    check("at the end of addresses", INVALID_ALIGNMENT, hypercall(SIGNAL_EVENT, 0xFFFFFFFFFFFFFFF8));
    check("with a repeat count", INVALID_INPUT, hypercall(SIGNAL_EVENT | FAST | 1ull << 32, primary.connection));
}

void attack_hypercalls(void)
{
    begin_rule("SY-10");
    attack_posts();
    check_storage();
    attack_signals();
    check_storage();

    begin("unknown hypercalls");
    static const u16 known[] = {POST_MESSAGE, SIGNAL_EVENT};
    for (u32 code = 0x40; code < 0x200; code++)
        if (code != known[0] && code != known[1] && (code < 0x69 || code > 0x6B)) check("status", INVALID_CODE, hypercall(code, 0));
    check("the last code", INVALID_CODE, hypercall(0xFFFF, ~0ull));
    end_rule("posts, signals and unknown codes, bad in every way of the table");
    check_storage();
}
