using System.CommandLine;
using System.Globalization;
using VmBus.Native.Linux;

namespace VmBus.Cli.Options;

/// <summary><c>--run-as USER</c>: whose rights a partition runs with, once everything is open.</summary>
internal static class RunAsOption
{
    /// <summary>Its name.</summary>
    public const string Name = "--run-as";

    /// <summary>The option of <c>vmbus run</c>.</summary>
    public static Option<string?> Create() => new(Name)
    {
        HelpName = "USER",
        Description = "Open everything, and then run as USER (a name or a number), in no other group than that user's own and without any capability. Needs root. Sockets of the host that "
            + "--vsock and vhost-user lead to are connected to by a program of their own ('vmbus connect')",
    };

    /// <summary>Reads its value.</summary>
    /// <returns>The user's number and group; null when there is no value.</returns>
    /// <exception cref="UsageException">There is no such user.</exception>
    public static (uint User, uint Group)? Parse(string? text)
    {
        if (text is null) return null;
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number != uint.MaxValue) return (number, number);
        return UserAccount.TryFind(text) is { } account ? (account.Id, account.GroupId) : throw new UsageException($"{Name} '{text}': there is no such user.");
    }
}
