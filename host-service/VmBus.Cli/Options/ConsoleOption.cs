using System.Net.Sockets;
using VmBus.Host.Consoles;
using VmBus.Host.Devices;
using VmBus.Native.Linux;
using VmBus.Protocol.Virtio;

namespace VmBus.Cli.Options;

/// <summary>Opens what <c>--console</c> and <c>--virtio-console</c> name.</summary>
internal static class ConsoleOption
{
    private const string File = "file:";
    private const string Socket = "unix:";
    private const int StandardInput = 0;
    private const int StandardOutput = 1;

    /// <summary>The virtio console; without it there is none.</summary>
    public const string Virtio = "--virtio-console";

    /// <summary>The serial console.</summary>
    public const string Serial = "--console";

    /// <summary>On the terminal that the program was started from.</summary>
    public const string Terminal = "stdio";

    /// <summary>Nowhere.</summary>
    public const string None = "none";

    /// <summary>Refuses what <see cref="Open"/> would not understand, before anything else is opened.</summary>
    /// <exception cref="UsageException">The text names no console.</exception>
    public static void Check(string text, string option = Serial)
    {
        if (text == Terminal || HasPath(text, File) || HasPath(text, Socket) || (text == None && option == Serial)) return;
        throw new UsageException($"{option} '{text}': must be stdio, {(option == Serial ? "none, " : "")}file:PATH or unix:PATH.");
    }

    /// <summary>Opens a virtio console, with the size of its terminal where it is on one.</summary>
    /// <exception cref="UsageException">The text names no console.</exception>
    /// <exception cref="IOException">The file or socket cannot be made.</exception>
    public static VirtioConsole? OpenVirtio(string? text, IDeviceOpener devices)
        => text is null ? null : new VirtioConsole(Open(text, devices, Virtio), text == Terminal ? TerminalSize() : null);

    /// <summary>The size of the terminal; null when there is none.</summary>
    public static ConsoleConfig? TerminalSize() => TerminalMode.SizeOf(StandardOutput) is var (rows, columns) ? new ConsoleConfig(columns, rows) : null;

    /// <summary>Opens the console.</summary>
    /// <param name="text"><c>stdio</c>, <c>none</c>, <c>file:PATH</c> or <c>unix:PATH</c>.</param>
    /// <param name="devices">Where the file or socket comes from when it is open already.</param>
    /// <param name="option">Which of the options, for messages.</param>
    /// <exception cref="UsageException">The text is none of these.</exception>
    /// <exception cref="IOException">The file or socket cannot be made.</exception>
    public static IConsole Open(string text, IDeviceOpener devices, string option = Serial)
    {
        if (text == Terminal) return new DescriptorConsole(StandardInput, StandardOutput, TerminalMode.TryEnterRaw(StandardInput));
        Check(text, option);
        if (text == None) return new NullConsole();
        bool isFile = HasPath(text, File);
        string path = text[(isFile ? File : Socket).Length..];
        if (devices.TakeFile(path) is not { } open) return isFile ? OnFile(OpenFile(path, option)) : OpenSocket(path, option);
        return isFile ? new DescriptorConsole(-1, open.Descriptor, open) : new UnixSocketConsole(path, open);
    }

    /// <summary>Opens the file or socket of a console for another process, and gives it.</summary>
    /// <exception cref="UsageException">The text names no console.</exception>
    /// <exception cref="IOException">The file or socket cannot be made.</exception>
    public static void Give(string text, string option, DeviceGiver giver)
    {
        Check(text, option);
        if (HasPath(text, File))
        {
            using FileStream file = OpenFile(text[File.Length..], option);
            giver.GiveFile(text[File.Length..], file.SafeFileHandle);
        }
        else if (HasPath(text, Socket))
        {
            string path = text[Socket.Length..];
            // Who serves it may not be able to remove it at the end: one that is left is replaced.
            using LinuxFile listener = UnixSocket.Claim(path, blocking: true);
            giver.GiveFile(path, listener);
        }
    }

    private static bool HasPath(string text, string prefix) => text.StartsWith(prefix, StringComparison.Ordinal) && text.Length > prefix.Length;

    private static DescriptorConsole OnFile(FileStream file) => new(-1, (int)file.SafeFileHandle.DangerousGetHandle(), file);

    private static FileStream OpenFile(string path, string option)
    {
        try
        {
            return new(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            throw new IOException($"{option} 'file:{path}': {e.Message} Choose a file that can be written.", e);
        }
    }

    private static UnixSocketConsole OpenSocket(string path, string option)
    {
        try
        {
            return new UnixSocketConsole(path);
        }
        catch (Exception e) when (e is SocketException or ArgumentOutOfRangeException)
        {
            throw new IOException($"{option} 'unix:{path}': {e.Message}. Choose a path that does not exist, in a folder that can be written.", e);
        }
    }
}
