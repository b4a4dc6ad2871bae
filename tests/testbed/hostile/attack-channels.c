#include "attacks.h"

#define SPARE 0x700u

static u8 spare[2 * RING_PAGES * PAGE] PAGE_ALIGNED;
static const u32 no_channels[] = {0, 3, 4, 2047, 2048, 0x10001, 0x80000001, 0xFFFFFFFF};

static void attack_unknown(void)
{
    begin("channels that do not exist");
    for (u32 i = 0; i < COUNT(no_channels); i++)
    {
        struct message open = {{OPEN, 0, no_channels[i], 1, primary.gpadl, 0, RING_PAGES}};
        post(&open, 148);
        post_words(2, CLOSE, no_channels[i]);
        post_words(3, MODIFY, no_channels[i], 0);
        post_words(2, RELID_RELEASED, no_channels[i]);
        post_words(6, OPEN_RESERVED, no_channels[i], 0, 2, primary.gpadl, RING_PAGES);
        post_words(4, CLOSE_RESERVED, no_channels[i], 0, 2);
        expect_no_answer("requests for an unknown channel");
    }
}

static void attack_open(void)
{
    begin("open what is open");
    check("status", STATUS_INVALID_PARAMETER, open_channel(primary_id, primary.gpadl, RING_PAGES, 0));
    check("over other rings: their GPADL", 0, create_ring_gpadl(primary_id, SPARE, spare, 2 * RING_PAGES));
    check("over other rings: status", STATUS_INVALID_PARAMETER, open_channel(primary_id, SPARE, RING_PAGES, 0));
    post_words(6, OPEN_RESERVED, primary_id, 0, 2, SPARE, RING_PAGES);
    expect_no_answer("a reserved open of what is open");
    post_words(4, CLOSE_RESERVED, primary_id, 0, 2);
    expect_no_answer("a reserved close of what is open");
    check_storage();

    begin("take the rings away");
    post_words(3, GPADL_TEARDOWN, primary_id, primary.gpadl);
    expect_no_answer("a teardown of rings in use");
    check_storage();
    post_words(2, CLOSE, primary_id);
    expect_message("the teardown is answered after the close", GPADL_TORNDOWN, primary.gpadl);
    expect_rescind("the sub-channel goes with its primary", subchannel_id);
    post_words(2, CLOSE, primary_id);
    expect_no_answer("a close of what is closed");

    begin("open with bad rings");
    check("unknown GPADL", STATUS_INVALID_PARAMETER, open_channel(primary_id, 0x777, RING_PAGES, 0));
    check("the rings that were taken away", STATUS_INVALID_PARAMETER, open_channel(primary_id, primary.gpadl, RING_PAGES, 0));
    static const u32 offsets[] = {0, 1, 2 * RING_PAGES - 1, 2 * RING_PAGES, 2 * RING_PAGES + 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(offsets); i++)
        check("downstream offset", STATUS_INVALID_PARAMETER, open_channel(primary_id, SPARE, offsets[i], 0));
    u64 page = page_of(spare);
    struct { u32 bytes, offset; u64 pages[5]; } ranges = {4 * PAGE, 8, {page, page + 1, page + 2, page + 3, page + 4}};
    check("rings inside pages: their GPADL", 0, create_gpadl(primary_id, SPARE + 1, 48, 1, &ranges, 48));
    check("rings inside pages", STATUS_INVALID_PARAMETER, open_channel(primary_id, SPARE + 1, 2, 0));
    struct { u32 bytes, offset; u64 pages[2]; } two[2] = {{2 * PAGE, 0, {page, page + 1}}, {2 * PAGE, 0, {page, page + 1}}};
    check("rings in two ranges: their GPADL", 0, create_gpadl(primary_id, SPARE + 2, 48, 2, two, 48));
    check("rings in two ranges", STATUS_INVALID_PARAMETER, open_channel(primary_id, SPARE + 2, 2, 0));
    recover();
}

// One page four times over: every index of both rings is the same word.
static void attack_shared_pages(void)
{
    begin("rings of one page");
    struct { u32 bytes, offset; u64 pages[4]; } range = {4 * PAGE, 0, {0}};
    for (u32 i = 0; i < 4; i++) range.pages[i] = page_of(spare);
    post_words(2, CLOSE, primary_id);
    check("their GPADL", 0, create_gpadl(primary_id, SPARE, 40, 1, &range, 40));
    memset(spare, 0, PAGE);
    check("open", 0, open_channel(primary_id, SPARE, 2, 77));
    for (u32 i = 0; i < 64; i++)
    {
        *(volatile u32 *)spare = i * 8;
        signal(primary.connection);
    }

    recover();

    begin("rings over the pages of another channel");
    check("the same pages: their GPADL", 0, create_ring_gpadl(primary_id, SPARE, subchannel.rings, 2 * RING_PAGES));
    post_words(2, CLOSE, primary_id);
    check("open", 0, open_channel(primary_id, SPARE, RING_PAGES, 0));
    recover();
}

static void attack_states(void)
{
    begin("open and close without waiting");
    post_words(2, CLOSE, primary_id);
    for (u32 i = 0; i < 100; i++)
    {
        struct message open = {{OPEN, 0, primary_id, 0x5000 + i, primary.gpadl, 0, RING_PAGES}};
        post(&open, 148);
        post_words(2, CLOSE, primary_id);
        check("id of OPEN_RESULT", 0x5000 + i, expect_message("OPEN_RESULT", OPEN_RESULT, primary_id).words[3]);
    }

    struct message open = {{OPEN, 0, primary_id, 0x6000, primary.gpadl, 0, RING_PAGES}};
    for (u32 i = 0; i < 20; i++) post(&open, 148);
    for (u32 i = 0; i < 20; i++) expect_message("every open is answered", OPEN_RESULT, primary_id);
    recover();

    begin("interrupts for processors that do not exist");
    static const u32 processors[] = {2, 63, 64, 4096, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(processors); i++)
    {
        post_words(3, MODIFY, primary_id, processors[i]);
        check("status", 0, expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, primary_id).words[3]);
        check_storage();
    }

    begin("move what is not open");
    post_words(2, CLOSE, subchannel_id);
    post_words(3, MODIFY, subchannel_id, 0);
    check("status", STATUS_INVALID_PARAMETER, expect_message("MODIFYCHANNEL_RESPONSE", MODIFY_RESPONSE, subchannel_id).words[3]);
    check_channel(&primary);

    begin("release what is open");
    post_words(2, RELID_RELEASED, primary_id);
    post_words(2, CLOSE, primary_id);
    open.words[2] = primary_id;
    post(&open, 148);
    post_words(3, MODIFY, primary_id, 0);
    expect_no_answer("requests for a channel that was released");
    recover();
}

void attack_channels(void)
{
    attack_unknown();
    check_storage();
    attack_open();
    attack_shared_pages();
    attack_states();
}
