#include "attacks.h"

static u8 places[4][PAGE] PAGE_ALIGNED;
static volatile bool stop;

// Moves the second processor's pages about, where the interrupts of both channels go.
static void move_pages(void)
{
    static const u64 nowhere[] = {64 << 20, 0xC0000000, 0xFEC00000, 0xFEE00000, 0xFFFFF000, 1ull << 32, 1ull << 40, 1ull << 51};
    u64 state = 99;
    for (u32 i = 0; !stop; i++)
    {
        u64 random = next_random(&state);
        u64 page = random >> 8 & 3 ? (u64)places[random >> 10 & 3] : nowhere[random >> 12 & 7];
        u32 which = random >> 16 & 1 ? SIMP : SIEFP;
        if (i % 16 == 0) write_msr(SCONTROL, random >> 20 & 1);
        write_msr(which, page | (random >> 24 & 7 ? 1 : 0));
        // All flags set: the host raises no interrupt for them; all clear: it does.
        memset(places[random >> 28 & 3], random >> 30 & 1 ? 0xFF : 0, PAGE);
    }
}

static void move_under_load(void)
{
    begin("pages that move under load");
    stop = false;
    run_on_second(move_pages);
    struct vstor request = make_request(0, READ_DATA, 0, PAGE);
    struct buffer buffer = make_buffer(PAGE);
    u64 transaction;
    for (u32 round = 0; round < 200; round++)
    {
        for (u32 i = 0; i < 8; i++) send_request(i % 2 ? &primary : &subchannel, &request, &buffer, 1 + i);
        for (u32 i = 0; i < 8; i++) check("status", 0, next_answer(i % 2 ? &primary : &subchannel, &transaction, "an answer").status);
    }

    check_storage();
    stop = true;
    join_second();
}

static void keep_messages(void)
{
    u64 page = read_msr(SIMP);
    static const u64 nowhere[] = {64 << 20, 0xFEE00000, 1ull << 40, 1ull << 51};
    begin("a message page that is off");
    for (u32 i = 0; i < 40; i++)
    {
        if (i % 4 == 0) write_msr(SCONTROL, 0);
        else if (i % 4 == 1) write_msr(SIMP, page & ~1ull);
        else write_msr(SIMP, nowhere[i / 4 % COUNT(nowhere)] | 1);
        for (u32 j = 0; j < 3; j++) post_words(3, GPADL_TEARDOWN, primary_id, 0xDD000 + 3 * i + j);
        // By now the host has handled some of them, or none.
        check_channel(&primary);
        write_msr(SIMP, page);
        write_msr(SCONTROL, 1);
        for (u32 j = 0; j < 3; j++) expect_message("messages are kept", GPADL_TORNDOWN, 0xDD000 + 3 * i + j);
    }

    begin("a message page that never has room");
    memset(places[0], 0xFF, PAGE);
    write_msr(SIMP, (u64)places[0] | 1);
    for (u32 i = 0; i < 20; i++) post_words(3, GPADL_TEARDOWN, primary_id, 0xEE000 + i);
    for (u32 i = 0; i < 100; i++) write_msr(0x40000084, 0);
    check_storage();
    write_msr(SIMP, page);
    for (u32 i = 0; i < 20; i++) expect_message("messages are kept", GPADL_TORNDOWN, 0xEE000 + i);
}

// The host writes messages and flags to wherever the guest says; what that spoils is the guest's.
static void overlap(void)
{
    u64 message = read_msr(SIMP), event = read_msr(SIEFP);
    begin("message and event page over the rings");
    write_msr(SIEFP, (u64)primary.rings | 1);
    post_words(3, MODIFY, primary_id, 0);
    expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, primary_id);
    check_channel(&primary);
    write_msr(SIEFP, (u64)inbound(&primary) | 1);
    check_channel(&primary);
    write_msr(SIMP, ((u64)primary.rings + 2 * PAGE) | 1);
    for (u32 i = 0; i < 4; i++) post_words(3, GPADL_TEARDOWN, primary_id, 0xCC000 + i);
    write_msr(SIMP, message);
    write_msr(SIEFP, event);
    // One of them may have gone to the rings.
    struct message answer;
    do answer = next_message("the last answer");
    while (answer.words[0] != GPADL_TORNDOWN || answer.words[2] != 0xCC003);
    recover();
}

void attack_pages(void)
{
    move_under_load();
    recover();
    keep_messages();
    check_storage();
    overlap();
}
