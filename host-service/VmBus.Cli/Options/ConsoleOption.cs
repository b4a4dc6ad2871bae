using System.Net.Sockets;
using VmBus.Host.Consoles;
using VmBus.Native.Linux;

namespace VmBus.Cli.Options;

/// <summary>Opens what <c>--console</c> names.</summary>
internal static class ConsoleOption
{
    private const string File = "file:";
    private const string Socket = "unix:";
    private const int StandardInput = 0;
    private const int StandardOutput = 1;

    /// <summary>Refuses what <see cref="Open"/> would not understand, before anything else is opened.</summary>
    /// <exception cref="UsageException">The text names no console.</exception>
    public static void Check(string text)
    {
        if (text is "stdio" or "none" || HasPath(text, File) || HasPath(text, Socket)) return;
        throw new UsageException($"--console '{text}': must be stdio, none, file:PATH or unix:PATH.");
    }

    /// <summary>Opens the console.</summary>
    /// <param name="text"><c>stdio</c>, <c>none</c>, <c>file:PATH</c> or <c>unix:PATH</c>.</param>
    /// <exception cref="UsageException">The text is none of these.</exception>
    /// <exception cref="IOException">The file or socket cannot be made.</exception>
    public static IConsole Open(string text)
    {
        if (text == "stdio") return new DescriptorConsole(StandardInput, StandardOutput, TerminalMode.TryEnterRaw(StandardInput));
        if (text == "none") return new NullConsole();
        Check(text);
        return HasPath(text, File) ? OpenFile(text[File.Length..]) : OpenSocket(text[Socket.Length..]);
    }

    private static bool HasPath(string text, string prefix) => text.StartsWith(prefix, StringComparison.Ordinal) && text.Length > prefix.Length;

    private static DescriptorConsole OpenFile(string path)
    {
        try
        {
            FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            return new DescriptorConsole(-1, (int)file.SafeFileHandle.DangerousGetHandle(), file);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or DirectoryNotFoundException)
        {
            throw new IOException($"--console 'file:{path}': {e.Message} Choose a file that can be written.", e);
        }
    }

    private static UnixSocketConsole OpenSocket(string path)
    {
        try
        {
            return new UnixSocketConsole(path);
        }
        catch (Exception e) when (e is SocketException or ArgumentOutOfRangeException)
        {
            throw new IOException($"--console 'unix:{path}': {e.Message}. Choose a path that does not exist, in a folder that can be written.", e);
        }
    }
}
