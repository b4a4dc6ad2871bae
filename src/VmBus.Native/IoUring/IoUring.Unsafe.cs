using System.Runtime.InteropServices;
using VmBus.Native.Linux;

namespace VmBus.Native.IoUring;

/// <summary>One io_uring: a submission and a completion queue shared with the kernel.</summary>
/// <remarks>
/// Every member belongs to the thread that created the ring. Entries are prepared in shared memory and reach the kernel with the next
/// <see cref="Enter"/>. Buffers and iovec arrays named by an entry stay in place until its completion.
/// Source: io_uring(7), io_uring_setup(2), io_uring_enter(2).
/// </remarks>
public sealed unsafe partial class IoUring : IDisposable
{
    /// <summary>Poll event: the file can be read.</summary>
    public const uint PollIn = 0x1;

    /// <summary>Poll event: the file can be written.</summary>
    public const uint PollOut = 0x4;

    // Multishot poll has no feature bit of its own; resource tags came with it in Linux 5.13.
    private const uint IORING_FEAT_SINGLE_MMAP = 1 << 0;
    private const uint IORING_FEAT_NODROP = 1 << 1;
    private const uint IORING_FEAT_RSRC_TAGS = 1 << 10;
    private const uint RequiredFeatures = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_RSRC_TAGS;

    private const long IORING_OFF_SQ_RING = 0;
    private const long IORING_OFF_SQES = 0x10000000;
    private const uint IORING_ENTER_GETEVENTS = 1;
    private const uint IORING_SQ_CQ_OVERFLOW = 1 << 1;
    private const uint IORING_SQ_TASKRUN = 1 << 2;
    private const uint IORING_CQE_F_MORE = 1 << 1;

    private const nuint IORING_REGISTER_EVENTFD = 4;
    private const nuint IORING_REGISTER_RESTRICTIONS = 11;
    private const nuint IORING_REGISTER_ENABLE_RINGS = 12;
    private const ushort IORING_RESTRICTION_REGISTER_OP = 0;
    private const ushort IORING_RESTRICTION_SQE_OP = 1;
    private const byte IORING_OP_NOP = 0;
    private const byte IORING_OP_READV = 1;
    private const byte IORING_OP_WRITEV = 2;
    private const byte IORING_OP_FSYNC = 3;
    private const byte IORING_OP_POLL_ADD = 6;
    private const byte IORING_OP_ASYNC_CANCEL = 14;
    private const byte IORING_OP_FALLOCATE = 17;
    private const uint IORING_FSYNC_DATASYNC = 1;
    private const uint IORING_POLL_ADD_MULTI = 1;
    private const uint IORING_SETUP_R_DISABLED = 1 << 6;

    // All that this class prepares. A ring does nothing else, whoever should come to write into it: no file is opened and no socket made by one.
    private static readonly byte[] Operations =
        [IORING_OP_NOP, IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL, IORING_OP_FALLOCATE];

    private readonly LinuxFile _file;
    private readonly MemoryMapping _rings;
    private readonly MemoryMapping _entries;
    private readonly io_uring_sqe* _sqes;
    private readonly io_uring_cqe* _cqes;
    private readonly uint* _submissionHead;
    private readonly uint* _submissionTail;
    private readonly uint* _submissionFlags;
    private readonly uint* _completionHead;
    private readonly uint* _completionTail;
    private readonly uint _submissionMask;
    private readonly uint _completionMask;
    private readonly bool _flagged;
    private uint _tail;
    private uint _submitted;

    private IoUring(LinuxFile file, in io_uring_params parameters)
    {
        _file = file;
        long submissionBytes = parameters.sq_off.array + (parameters.sq_entries * sizeof(uint));
        long completionBytes = parameters.cq_off.cqes + (parameters.cq_entries * sizeof(io_uring_cqe));
        _rings = MemoryMapping.MapDevice(file, IORING_OFF_SQ_RING, Math.Max(submissionBytes, completionBytes));
        try
        {
            _entries = MemoryMapping.MapDevice(file, IORING_OFF_SQES, parameters.sq_entries * sizeof(io_uring_sqe));
        }
        catch
        {
            _rings.Dispose();
            throw;
        }

        // SAFETY: the offsets come from the kernel and lie inside the mappings, which live as long as this object.
        byte* rings = (byte*)_rings.Address;
        _submissionHead = (uint*)(rings + parameters.sq_off.head);
        _submissionTail = (uint*)(rings + parameters.sq_off.tail);
        _submissionFlags = (uint*)(rings + parameters.sq_off.flags);
        _completionHead = (uint*)(rings + parameters.cq_off.head);
        _completionTail = (uint*)(rings + parameters.cq_off.tail);
        _submissionMask = parameters.sq_entries - 1;
        _completionMask = parameters.cq_entries - 1;
        _cqes = (io_uring_cqe*)(rings + parameters.cq_off.cqes);
        _sqes = (io_uring_sqe*)_entries.Address;
        _flagged = ((IoUringSetup)parameters.flags & IoUringSetup.TaskRunFlag) != 0;
        // Entry n always sits in slot n, so the indirection array never changes.
        var array = (uint*)(rings + parameters.sq_off.array);
        for (uint i = 0; i < parameters.sq_entries; i++) array[i] = i;
    }

    /// <summary>Entries prepared since the last <see cref="Enter"/>.</summary>
    public int Prepared => (int)(_tail - _submitted);

    /// <summary>
    /// Whether entering the kernel now would bring completions that are not in shared memory yet. Always true when the ring was set up
    /// without <see cref="IoUringSetup.TaskRunFlag"/>.
    /// </summary>
    public bool NeedsEnter =>
        // SAFETY: the kernel writes this word inside the ring mapping.
        !_flagged || (Volatile.Read(ref *_submissionFlags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;

    /// <summary>Creates a ring for the calling thread.</summary>
    /// <param name="submissions">Slots of the submission queue, a power of two.</param>
    /// <param name="completions">Slots of the completion queue, a power of two.</param>
    /// <param name="setup">Wanted modes; <see cref="IoUringSetup.CompletionSize"/> is added.</param>
    /// <param name="errno">Why there is no ring: ENOSYS or EPERM where io_uring is disabled, EINVAL for unknown modes, EOPNOTSUPP before Linux 5.13.</param>
    /// <returns>Null when the kernel refuses.</returns>
    public static IoUring? TryCreate(int submissions, int completions, IoUringSetup setup, out int errno)
    {
        var parameters = new io_uring_params
        {
            cq_entries = (uint)completions,
            flags = (uint)(setup | IoUringSetup.CompletionSize) | IORING_SETUP_R_DISABLED,
        };
        // SAFETY: the kernel reads and writes one params structure, a local.
        nint descriptor = syscall(SYS_io_uring_setup, (nint)submissions, (nint)(&parameters), 0, 0, 0, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (descriptor < 0) return null;
        var file = new LinuxFile((int)descriptor);
        if ((parameters.features & RequiredFeatures) != RequiredFeatures)
        {
            file.Dispose();
            errno = Errno.EOPNOTSUPP;
            return null;
        }

        errno = Restrict(file);
        if (errno != 0)
        {
            file.Dispose();
            return null;
        }

        try
        {
            return new IoUring(file, parameters);
        }
        catch (LinuxException refusal)
        {
            file.Dispose();
            errno = refusal.Errno;
            return null;
        }
    }

    /// <summary>Has the kernel add 1 to the counter of an eventfd at each completion.</summary>
    /// <returns>0, or negative errno.</returns>
    public int SignalCompletions(SafeHandle signal)
    {
        bool held = false;
        try
        {
            signal.DangerousAddRef(ref held);
            int descriptor = (int)signal.DangerousGetHandle();
            // SAFETY: the kernel reads one descriptor number, a local, and holds the file itself.
            return register(SYS_io_uring_register, _file, IORING_REGISTER_EVENTFD, (nint)(&descriptor), 1) == 0 ? 0 : -Marshal.GetLastPInvokeError();
        }
        finally
        {
            if (held) signal.DangerousRelease();
        }
    }

    /// <summary>Prepares something that only completes.</summary>
    /// <returns>False when the submission queue is full: <see cref="Enter"/> first.</returns>
    public bool TryNothing(ulong userData) => TryPrepare(IORING_OP_NOP, -1, 0, 0, 0, 0, userData);

    /// <summary>Prepares a vectored read with the kernel's RWF <paramref name="flags"/>.</summary>
    /// <returns>False when the submission queue is full: <see cref="Enter"/> first.</returns>
    public bool TryRead(int descriptor, nint vectors, int count, long offset, int flags, ulong userData) =>
        TryPrepare(IORING_OP_READV, descriptor, (ulong)offset, (ulong)vectors, (uint)count, (uint)flags, userData);

    /// <summary>Prepares a vectored write with the kernel's RWF <paramref name="flags"/>.</summary>
    /// <returns>False when the submission queue is full: <see cref="Enter"/> first.</returns>
    public bool TryWrite(int descriptor, nint vectors, int count, long offset, int flags, ulong userData) =>
        TryPrepare(IORING_OP_WRITEV, descriptor, (ulong)offset, (ulong)vectors, (uint)count, (uint)flags, userData);

    /// <summary>Prepares an fdatasync.</summary>
    /// <returns>False when the submission queue is full: <see cref="Enter"/> first.</returns>
    public bool TryDataSync(int descriptor, ulong userData) =>
        TryPrepare(IORING_OP_FSYNC, descriptor, 0, 0, 0, IORING_FSYNC_DATASYNC, userData);

    /// <summary>Prepares a fallocate.</summary>
    /// <returns>False when the submission queue is full: <see cref="Enter"/> first.</returns>
    public bool TryAllocate(int descriptor, int mode, long offset, long bytes, ulong userData) =>
        TryPrepare(IORING_OP_FALLOCATE, descriptor, (ulong)offset, (ulong)bytes, (uint)mode, 0, userData);

    /// <summary>
    /// Prepares a poll; with <paramref name="multishot"/> it completes at each wake-up until cancelled, or until one has no
    /// <see cref="IoUringCompletion.More"/>.
    /// </summary>
    /// <returns>False when the submission queue is full: <see cref="Enter"/> first.</returns>
    public bool TryPoll(int descriptor, uint events, bool multishot, ulong userData) =>
        TryPrepare(IORING_OP_POLL_ADD, descriptor, 0, 0, multishot ? IORING_POLL_ADD_MULTI : 0, events, userData);

    /// <summary>Prepares the cancellation of the submission that carried <paramref name="target"/>, which then completes with ECANCELED.</summary>
    /// <returns>False when the submission queue is full: <see cref="Enter"/> first.</returns>
    public bool TryCancel(ulong target, ulong userData) => TryPrepare(IORING_OP_ASYNC_CANCEL, -1, 0, target, 0, 0, userData);

    /// <summary>Hands all prepared entries to the kernel, and waits until <paramref name="waitFor"/> completions are there or a signal came.</summary>
    /// <returns>0, or negative errno (EAGAIN and EBUSY: take completions, then try again; EINTR is not an error and gives 0).</returns>
    public int Enter(int waitFor)
    {
        // SAFETY: the tail lies in the ring mapping; release pairs with the kernel's acquire, so it sees whole entries.
        Volatile.Write(ref *_submissionTail, _tail);
        nint taken = enter(SYS_io_uring_enter, _file, _tail - _submitted, (uint)waitFor, IORING_ENTER_GETEVENTS, 0, 0);
        if (taken < 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            // Even a failed call may have taken entries: the head tells.
            _submitted = Volatile.Read(ref *_submissionHead);
            return errno == Errno.EINTR ? 0 : -errno;
        }

        _submitted += (uint)taken;
        return 0;
    }

    /// <summary>Takes the oldest completion.</summary>
    /// <returns>False when there is none in shared memory.</returns>
    public bool TryTake(out IoUringCompletion completion)
    {
        // SAFETY: head and tail lie in the ring mapping, the mask keeps the index inside the array; acquire pairs with the kernel's
        // release of the tail, release of the head hands the slot back only after it was read.
        uint head = *_completionHead;
        if (head == Volatile.Read(ref *_completionTail))
        {
            completion = default;
            return false;
        }

        io_uring_cqe* entry = _cqes + (head & _completionMask);
        completion = new IoUringCompletion(entry->user_data, entry->res, (entry->flags & IORING_CQE_F_MORE) != 0);
        Volatile.Write(ref *_completionHead, head + 1);
        return true;
    }

    /// <summary>Closes the ring; what is in flight is cancelled.</summary>
    public void Dispose()
    {
        _entries.Dispose();
        _rings.Dispose();
        _file.Dispose();
    }

    // Linux 5.10, older than what TryCreate asks for: a ring begins disabled, is told what it may do, and cannot be told otherwise once it is enabled.
    private static int Restrict(LinuxFile ring)
    {
        Span<io_uring_restriction> restrictions = stackalloc io_uring_restriction[Operations.Length + 1];
        restrictions.Clear();
        for (int i = 0; i < Operations.Length; i++) restrictions[i] = new io_uring_restriction { opcode = IORING_RESTRICTION_SQE_OP, register_op = Operations[i] };
        restrictions[^1] = new io_uring_restriction { opcode = IORING_RESTRICTION_REGISTER_OP, register_op = (byte)IORING_REGISTER_EVENTFD };
        fixed (io_uring_restriction* first = restrictions)
        {
            // SAFETY: the kernel reads so many structures, locals.
            if (register(SYS_io_uring_register, ring, IORING_REGISTER_RESTRICTIONS, (nint)first, (nuint)restrictions.Length) < 0) return Marshal.GetLastPInvokeError();
        }

        return register(SYS_io_uring_register, ring, IORING_REGISTER_ENABLE_RINGS, 0, 0) < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    internal bool TryPrepare(byte opcode, int descriptor, ulong offset, ulong address, uint length, uint flags, ulong userData)
    {
        // SAFETY: the slot lies inside the entry array (mask), and the kernel has consumed its last use (head has passed it).
        if (_tail - Volatile.Read(ref *_submissionHead) > _submissionMask) return false;
        _sqes[_tail & _submissionMask] = new io_uring_sqe
        {
            opcode = opcode,
            fd = descriptor,
            off = offset,
            addr = address,
            len = length,
            op_flags = flags,
            user_data = userData,
        };
        _tail++;
        return true;
    }
}
