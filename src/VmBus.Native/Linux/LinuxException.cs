using System.ComponentModel;

namespace VmBus.Native.Linux;

/// <summary>A system call of a set-up path failed: names the operation and carries errno.</summary>
/// <remarks>Data paths return errno as a value instead; nothing a guest can trigger throws this.</remarks>
public sealed class LinuxException : IOException
{
    /// <summary>Describes the failure of <paramref name="operation"/> with <paramref name="errno"/>.</summary>
    public LinuxException(string operation, int errno)
        : base($"{operation}: {DescribeError(errno)}")
    {
        Operation = operation;
        Errno = errno;
    }

    /// <summary>What was attempted, in words a person can act on.</summary>
    public string Operation { get; }

    /// <summary>The kernel's error number, positive.</summary>
    public int Errno { get; }

    /// <summary>The kernel's text for <paramref name="errno"/>, such as "No such file or directory".</summary>
    public static string DescribeError(int errno) => new Win32Exception(errno).Message;
}
