#include "attacks.h"

static void attack_handshake(void)
{
    static const u32 states[] = {QUERY_VERSION, QUERY_PROPERTIES, END, CREATE_SUBCHANNELS, EXECUTE_SRB, RESET_BUS, RESET_LUN, RESET_ADAPTER};
    static const u32 wrong[] = {0, COMPLETE_IO, REMOVE_DEVICE, ENUMERATE_BUS, FIBRE_CHANNEL, 14, 255, 0x80000003, 0xFFFFFFFF};
    begin("operations that are none");
    for (u32 i = 0; i < COUNT(wrong); i++)
    {
        check("on the primary", NOT_FOR_THIS_CHANNEL, operate(&primary, wrong[i], 0));
        check("on a sub-channel", NOT_FOR_THIS_CHANNEL, operate(&subchannel, wrong[i], 0));
    }

    for (u32 i = 0; i < COUNT(states); i++)
        if (states[i] != EXECUTE_SRB) check("primary's own, on a sub-channel", NOT_FOR_THIS_CHANNEL, operate(&subchannel, states[i], 0));

    begin("operations out of order");
    check("version when ready", WRONG_STATE, operate(&primary, QUERY_VERSION, 0x0602));
    check("end when ready", WRONG_STATE, operate(&primary, END, 0));
    check("too many sub-channels", STATUS_INVALID_PARAMETER, operate(&primary, CREATE_SUBCHANNELS, 2));
    check("far too many sub-channels", STATUS_INVALID_PARAMETER, operate(&primary, CREATE_SUBCHANNELS, 0xFFFF));
    for (u32 i = 0; i < 20; i++) check("begin", 0, operate(&primary, BEGIN, 0));
    for (u32 i = 1; i < COUNT(states); i++) check("before the version", WRONG_STATE, operate(&primary, states[i], 1));
    struct vstor request = make_request(0, READ_DATA, 0, PAGE);
    struct buffer buffer = make_buffer(PAGE);
    struct vstor answer = exchange(&subchannel, &request, &buffer);
    check("a command on the sub-channel meanwhile", WRONG_STATE, answer.status);
    check("its SRB status", SRB_INVALID_REQUEST, answer.srb_status);
    static const u16 versions[] = {0, 1, 0x0100, 0x0500, 0x0502, 0x0603, 0x0700, 0xFFFF};
    for (u32 i = 0; i < COUNT(versions); i++) check("an unknown version", REVISION_MISMATCH, operate(&primary, QUERY_VERSION, versions[i]));
    check("end without a version", WRONG_STATE, operate(&primary, END, 0));
    recover();
}

static struct vstor refuse(const char *what, struct vstor request, const struct buffer *buffer)
{
    struct vstor answer = exchange(&primary, &request, buffer);
    check(what, STATUS_INVALID_PARAMETER, answer.status);
    check(what, SRB_INVALID_REQUEST, answer.srb_status);
    return answer;
}

static void attack_fields(void)
{
    struct buffer buffer = make_buffer(PAGE);
    struct vstor request;
    begin("request blocks that are none");
    static const u8 lengths[] = {0, 17, 128, 255};
    for (u32 i = 0; i < COUNT(lengths); i++)
    {
        request = make_request(0, READ_DATA, 0, PAGE);
        request.cdb_bytes = lengths[i];
        refuse("length of the CDB", request, &buffer);
    }

    static const u32 transfers[] = {(2 << 20) + 1, (2 << 20) + 512, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(transfers); i++)
    {
        request = make_request(0, READ_DATA, 0, PAGE);
        request.transfer = transfers[i];
        refuse("transfer above the limit", request, &buffer);
    }

    static const u8 directions[] = {3, 4, 128, 255};
    for (u32 i = 0; i < COUNT(directions); i++) refuse("direction", make_request(0, directions[i], 0, PAGE), &buffer);
    refuse("data without a buffer", make_request(0, READ_DATA, 0, PAGE), NULL);

    begin("units that do not exist");
    for (u32 i = 2; i < 256; i++)
    {
        request = make_request((u8)(i & 3 ? i : 0), READ_DATA, 0, PAGE);
        request.target = (u8)(i & 1 ? 0 : i);
        request.path = (u8)(i & 2 ? 0 : i);
        if (!request.lun && !request.target && !request.path) continue;
        struct vstor answer = exchange(&primary, &request, &buffer);
        check("SRB status", SRB_INVALID_LUN, answer.srb_status);
        check("status", NO_SUCH_DEVICE, answer.status);
    }

    begin("transfers that do not fit the command");
    static const struct { u32 blocks, bytes; } mismatches[] = {
        {8, 512}, {8, 0}, {1, PAGE}, {0, PAGE}, {0xFFFF, PAGE}, {8, 511}, {8, 513}, {8, 1}};
    for (u32 i = 0; i < COUNT(mismatches); i++)
    {
        for (u32 direction = WRITE_DATA; direction <= READ_DATA; direction++)
        {
            request = make_request(1, (u8)direction, 0, mismatches[i].bytes);
            request.cdb[7] = (u8)(mismatches[i].blocks >> 8);
            request.cdb[8] = (u8)mismatches[i].blocks;
            struct vstor answer = exchange(&primary, &request, mismatches[i].bytes ? &buffer : NULL);
            check("no more is moved than was asked", true, answer.transfer <= mismatches[i].bytes);
        }
    }

    static const u32 blocks[] = {0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF8, 0xFFFFFFFF};
    for (u32 i = 0; i < COUNT(blocks); i++)
    {
        request = make_request(1, i % 2 ? READ_DATA : WRITE_DATA, blocks[i], PAGE);
        check("behind the disk's end", SRB_ERROR_WITH_SENSE, exchange(&primary, &request, &buffer).srb_status);
    }
}

// Every operation code with whatever else, on the second disk, which nobody needs.
static void attack_commands(void)
{
    static const u8 lengths[] = {6, 10, 12, 16};
    u64 state = 0x123456789ABCDEF;
    begin("commands at random");
    for (u32 i = 0; i < 256 * 16; i++)
    {
        u64 random = next_random(&state);
        u32 bytes = (u32)(random >> 32) % 4 ? (u32)(random >> 20) % (TRANSFER_PAGES * PAGE) : 0;
        struct buffer buffer = make_buffer(bytes);
        struct vstor request = make_request(1, random >> 8 & 1 ? READ_DATA : WRITE_DATA, 0, bytes);
        request.cdb_bytes = lengths[random >> 10 & 3];
        // Half the time most of the command is zero, so that it is a better one.
        for (u32 j = 1; j < 16; j++) request.cdb[j] = random >> 12 & 1 ? (u8)next_random(&state) : (u8)(next_random(&state) % 64 == 0);
        request.cdb[0] = (u8)i;
        struct vstor answer = exchange(i % 3 ? &primary : &subchannel, &request, bytes ? &buffer : NULL);
        if (answer.transfer > bytes) check("bytes moved", bytes, answer.transfer);
    }
}

static void attack_resets(void)
{
    struct vstor request = make_request(0, READ_DATA, 0, TRANSFER_PAGES * PAGE);
    struct buffer buffer = make_buffer(TRANSFER_PAGES * PAGE);
    struct vstor reset = {.operation = RESET_BUS};
    begin("resets among commands");
    u64 transaction;
    for (u32 round = 0; round < 20; round++)
    {
        for (u32 i = 0; i < 20; i++)
        {
            send_request(&primary, i % 5 ? &request : &reset, i % 5 ? &buffer : NULL, 1 + i);
            send_request(&subchannel, &request, &buffer, 1 + i);
        }

        u32 answered = 0, answered_there = 0;
        for (u32 i = 0; i < 20; i++)
        {
            next_answer(&primary, &transaction, "an answer on the primary");
            answered |= 1u << transaction;
            next_answer(&subchannel, &transaction, "an answer on the sub-channel");
            answered_there |= 1u << transaction;
        }

        check("each is answered once", 0x1FFFFE, answered);
        check("each is answered once on the sub-channel", 0x1FFFFE, answered_there);
    }

    clear_attention();
}

void attack_requests(void)
{
    attack_handshake();
    attack_fields();
    check_storage();
    attack_commands();
    check_storage();
    attack_resets();
    check_storage();
}
