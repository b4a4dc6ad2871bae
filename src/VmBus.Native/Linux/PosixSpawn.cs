using System.Runtime.InteropServices;

namespace VmBus.Native.Linux;

/// <summary>
/// How a program is started: what happens in the new process before the program is there, in the order of the calls. Its signals are as for a program that a
/// shell starts. It has no descriptors but the ones it is given.
/// </summary>
/// <remarks>
/// One thread. The C library does the work between fork and exec, where managed code must not run. Failures of the steps come out of <see cref="TryStart"/>.
/// Source: posix_spawn(3), posix_spawn_file_actions_addopen(3), posix_spawnattr_setsigdefault(3).
/// </remarks>
internal sealed partial class PosixSpawn : IDisposable
{
    private const short POSIX_SPAWN_SETSIGDEF = 4;
    private const short POSIX_SPAWN_SETSIGMASK = 8;
    private const short POSIX_SPAWN_SETSID = 0x80;

    // In 64-bit words, more than the C library's structures have on any architecture: posix_spawnattr_t, posix_spawn_file_actions_t, sigset_t.
    private const int AttributeWords = 48;
    private const int ActionWords = 16;
    private const int SignalWords = 16;

    private readonly ulong[] _attributes = new ulong[AttributeWords];
    private readonly ulong[] _actions = new ulong[ActionWords];

    /// <summary>Begins.</summary>
    /// <param name="newSession">Whether it leads a session, and with it a process group, of its own. The first terminal that it opens is then its session's.</param>
    public PosixSpawn(bool newSession = false)
    {
        Span<ulong> signals = stackalloc ulong[SignalWords];
        _ = posix_spawnattr_init(_attributes);
        _ = posix_spawn_file_actions_init(_actions);
        _ = sigemptyset(signals);
        _ = posix_spawnattr_setsigmask(_attributes, signals);
        _ = sigfillset(signals);
        _ = posix_spawnattr_setsigdefault(_attributes, signals);
        _ = posix_spawnattr_setflags(_attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (newSession ? POSIX_SPAWN_SETSID : 0)));
    }

    /// <summary>Opens a file under a number of the new process's.</summary>
    public void Open(int number, string path, int flags) => _ = posix_spawn_file_actions_addopen(_actions, number, path, flags, 0);

    /// <summary>Copies a descriptor of this process, or of a step before, to a number of the new process's. It is open until <see cref="TryStart"/> has returned.</summary>
    public void Copy(int descriptor, int number) => _ = posix_spawn_file_actions_adddup2(_actions, descriptor, number);

    /// <summary>Goes into a folder.</summary>
    public void Enter(string folder) => _ = posix_spawn_file_actions_addchdir_np(_actions, folder);

    /// <summary>Starts the program.</summary>
    /// <param name="program">Its path; without a slash it is looked for in this process's PATH.</param>
    /// <param name="arguments">Its arguments, the first of which is its own name.</param>
    /// <param name="environment">Its environment, each NAME=VALUE.</param>
    /// <param name="processId">Its process id.</param>
    /// <returns>0, or the errno of the step or of the start that failed; then there is no process.</returns>
    public int TryStart(string program, IEnumerable<string> arguments, IEnumerable<string> environment, out int processId)
        => posix_spawnp(out processId, program, _actions, _attributes, [.. arguments, null], [.. environment, null]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = posix_spawn_file_actions_destroy(_actions);
        _ = posix_spawnattr_destroy(_attributes);
    }

    [LibraryImport("libc")]
    private static partial int sigemptyset(Span<ulong> signals);

    [LibraryImport("libc")]
    private static partial int sigfillset(Span<ulong> signals);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_init(Span<ulong> attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_destroy(Span<ulong> attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setflags(Span<ulong> attributes, short flags);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigmask(Span<ulong> attributes, Span<ulong> signals);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigdefault(Span<ulong> attributes, Span<ulong> signals);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(Span<ulong> actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(Span<ulong> actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(Span<ulong> actions, int from, int to);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn_file_actions_addopen(Span<ulong> actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn_file_actions_addchdir_np(Span<ulong> actions, string path);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawnp(
        out int process, string file, Span<ulong> actions, Span<ulong> attributes, string?[] arguments, string?[] environment);
}
