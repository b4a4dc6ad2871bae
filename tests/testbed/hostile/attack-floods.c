#include "attacks.h"

static u8 shared[PAGE] PAGE_ALIGNED;
static volatile bool stop;

static void flood_messages(void)
{
    begin("100 000 messages");
    u64 state = 7;
    u32 refused = 0;
    for (u32 i = 0; i < 100000; i++)
    {
        // None of these is answered.
        struct message message = {{(u32)next_random(&state) % 40 + 40, 0, i, i}};
        u64 status = post_to(1, 1, 8 + i % 232, &message);
        if (status == INSUFFICIENT_BUFFERS) refused++;
        else if (status != HYPERCALL_SUCCESS) check("status", HYPERCALL_SUCCESS, status);
    }

    check("none was lost for good", true, refused < 100000);
    check_storage();

    begin("answers that nobody reads");
    u32 accepted = 0, tries = 0;
    struct message message = {{GPADL_TEARDOWN, 0, primary_id, 0}};
    for (; tries < 20000; tries++)
    {
        message.words[3] = 0xABC000 + accepted;
        if (post_to(1, 1, 16, &message) == HYPERCALL_SUCCESS) accepted++;
    }

    check("the host stops taking them", true, accepted < 1000);
    check_storage();
    for (u32 i = 0; i < accepted; i++) expect_message("what was taken is answered", GPADL_TORNDOWN, 0xABC000 + i);
    expect_no_answer("the others");
}

static void signal_without_end(void)
{
    for (u32 i = 0; !stop; i++) signal(i % 2 ? primary.connection : i % 4 ? subchannel.connection : 0x27FF);
}

static void flood_signals(void)
{
    begin("100 000 signals of an empty ring");
    for (u32 i = 0; i < 100000; i++) signal(primary.connection);
    check_storage();

    begin("signals from another processor");
    stop = false;
    run_on_second(signal_without_end);
    for (u32 i = 0; i < 200; i++) check_storage();
    stop = true;
    join_second();
}

static void flood_pages(void)
{
    // The most that a header can announce; the pages do not follow each other, so that each costs the most.
    static struct { u32 bytes, offset; u64 pages[8190]; } large;
    static struct { u32 bytes, offset; u64 page; } small[4095];
    for (u32 i = 0; i < COUNT(large.pages); i++) large.pages[i] = page_of(shared) - i % 2 * 2;
    for (u32 i = 0; i < COUNT(small); i++) small[i].bytes = PAGE, small[i].page = page_of(shared);

    begin("memory of the guest in one piece, up to the quota");
    large.bytes = COUNT(large.pages) * PAGE;
    u32 created = 0;
    while (created < 200 && create_gpadl(primary_id, 0x20000 + created, sizeof(large), 1, &large, sizeof(large)) == 0) created++;
    check("how many", 64, created);
    check_storage();
    sample();
    recover();

    begin("memory of the guest in very many pieces, up to the quota");
    created = 0;
    while (created < 200 && create_gpadl(primary_id, 0x20000 + created, sizeof(small), COUNT(small), small, sizeof(small)) == 0) created++;
    check("how many", 128, created);
    check_storage();
    sample();
    recover();
}

// A ring full of requests whose answers nobody takes. This guest never says that there is room again: the host looks by itself.
static void flood_requests(void)
{
    begin("requests whose answers nobody reads");
    struct vstor request = make_request(0, READ_DATA, 0, PAGE);
    struct buffer buffer = make_buffer(PAGE);
    buffer.pages[0] = 1;    // which nobody needs
    // More than the inbound ring has room for and the channel has requests, which then stay in the outbound ring.
    u32 sent = RING_BYTES / 88 + 256 + 200;
    for (u32 i = 0; i < sent; i++) send_request(&primary, &request, &buffer, 1 + i);
    check_channel(&subchannel);
    u64 sum = 0;
    for (u32 i = 0; i < sent; i++)
    {
        u64 transaction;
        next_answer(&primary, &transaction, "an answer");
        sum += transaction;
    }

    check("each is answered once", (u64)sent * (sent + 1) / 2, sum);
    check_storage();
}

void attack_floods(void)
{
    flood_messages();
    flood_signals();
    flood_requests();
    flood_pages();
}
