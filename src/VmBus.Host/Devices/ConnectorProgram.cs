using VmBus.Native.Linux;
using VmBus.Sockets.Connectors;

namespace VmBus.Host.Devices;

/// <summary>Starts the program that connects to sockets of the host for a partition's process: <c>vmbus connect</c>, which ends when nobody can ask it any more.</summary>
/// <remarks>Of root's rights it keeps the one that connecting takes. Source: protocol-spec/given.md#connecting, setpriv(1).</remarks>
public static class ConnectorProgram
{
    /// <summary>What the program sends on each connection when it serves.</summary>
    public const byte Ready = 1;

    private const string Command = "connect";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);

    /// <summary>Starts it.</summary>
    /// <param name="places">Where it connects to.</param>
    /// <returns>For each of these the connection that asks it.</returns>
    /// <exception cref="IOException">It does not start.</exception>
    internal static IReadOnlyList<LinuxFile> Start(IReadOnlyList<ConnectPlace> places)
    {
        string program = Environment.ProcessPath ?? throw new IOException("This program does not know its own file, which it needs to start another.");
        List<LinuxFile> ours = [], theirs = [];
        try
        {
            foreach (ConnectPlace _ in places)
            {
                (LinuxFile our, LinuxFile their) = UnixStream.CreatePair();
                ours.Add(our);
                theirs.Add(their);
            }

            var words = new ChildProgram(program, [Command, .. places.Select(static place => place.ToString())]) { Descriptors = theirs, Capabilities = ["dac_override"] };
            using LastingProcess started = LastingProcess.TryStart(words) ?? throw new IOException($"The program '{program}' is not there any more: install it again.");
            // Nobody else has these ends: of a program that does not start there is nothing left to wait for.
            foreach (LinuxFile their in theirs) their.Dispose();
            foreach (LinuxFile our in ours) WaitUntilReady(our);
            return ours;
        }
        catch
        {
            foreach (LinuxFile our in ours) our.Dispose();
            throw;
        }
        finally
        {
            foreach (LinuxFile their in theirs) their.Dispose();
        }
    }

    private static void WaitUntilReady(LinuxFile connection)
    {
        using EventFd never = EventFd.Create();
        Span<byte> word = stackalloc byte[1];
        bool came = DescriptorIo.WaitForInput(connection.Descriptor, never, StartLimit).Readable;
        if (came && DescriptorIo.Read(connection.Descriptor, word) == word.Length && word[0] == Ready) return;
        throw new IOException("The program that connects for this partition ('vmbus connect') does not start; what it says is before this.");
    }
}
