// The guest's storage driver: one controller with a sub-channel, two disks. Numbers are those of protocol-spec/storage.md.
#pragma once
#include "bus.h"

enum { INBAND = 6, GPA_DIRECT = 9, COMPLETION = 11, WANTED = 1 };
enum { COMPLETE_IO = 1, REMOVE_DEVICE, EXECUTE_SRB, RESET_LUN, RESET_ADAPTER, RESET_BUS, BEGIN, END, QUERY_VERSION, QUERY_PROPERTIES,
       ENUMERATE_BUS, FIBRE_CHANNEL, CREATE_SUBCHANNELS };
enum { WRITE_DATA, READ_DATA, NO_DATA };
enum { SRB_SUCCESS = 1, SRB_ABORTED = 2, SRB_INVALID_REQUEST = 6, SRB_INVALID_LUN = 0x20, SRB_ERROR_WITH_SENSE = 0x84 };
#define NOT_FOR_THIS_CHANNEL 0xC0000010u
#define REVISION_MISMATCH 0xC0000059u
#define WRONG_STATE 0xC0000184u
#define NO_SUCH_DEVICE 0xC00000C0u
#define IO_DEVICE_ERROR 0xC0000185u
#define TRANSFER_PAGES 16u

struct vstor
{
    u32 operation, flags, status;
    u16 length;
    u8 srb_status, scsi_status, port, path, target, lun, cdb_bytes, sense_bytes, direction, reserved;
    u32 transfer;
    u8 cdb[20];
    u8 rest[16];
};

// The header of a GPA-direct packet with one range.
struct buffer { u32 reserved, count, bytes, offset; u64 pages[TRANSFER_PAGES]; };

extern struct channel primary, subchannel;
extern u8 transfer_area[TRANSFER_PAGES * PAGE];

// What a request for one transfer looks like before an attack spoils it: READ(10) or WRITE(10) of whole pages at a block.
struct vstor make_request(u8 lun, u8 direction, u32 block, u32 bytes);
struct buffer make_buffer(u32 bytes);
void send_request(struct channel *channel, const struct vstor *request, const struct buffer *buffer, u64 transaction);
// The next answer on a channel: a completion.
struct vstor next_answer(struct channel *channel, u64 *transaction, const char *what);
struct vstor exchange(struct channel *channel, const struct vstor *request, const struct buffer *buffer);
u32 operate(struct channel *channel, u32 operation, u16 parameter);

// Takes what the disks have to tell of resets, as every driver does before it uses them.
void clear_attention(void);
// A new connection with the controller's channels open and ready.
void attach(void);
// What is written to the first disk can be read again, over every channel that is open.
void check_storage(void);
void check_channel(struct channel *channel);
// After an attack: everything anew, and it works.
void recover(void);
