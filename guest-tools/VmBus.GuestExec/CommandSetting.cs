using System.Globalization;
using VmBus.Native.Linux;
using VmBus.Protocol.Exec;

namespace VmBus.GuestExec;

/// <summary>Whom a command runs as, where it begins and what is in its environment.</summary>
/// <param name="User">The user.</param>
/// <param name="Folder">The folder that it begins in.</param>
/// <param name="Variables">All of its environment, by name.</param>
internal sealed record CommandSetting(UserAccount User, string Folder, IReadOnlyDictionary<string, string> Variables)
{
    private const string RootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private const string UserPath = "/usr/local/bin:/usr/bin:/bin";

    /// <summary>What a request asks for.</summary>
    /// <exception cref="ExecRefusedException">There is no such user or folder.</exception>
    public static CommandSetting Of(ExecRequest request)
    {
        UserAccount user = UserAccount.Current;
        if (request.User.Length > 0 && request.User != user.Name)
        {
            UserAccount self = user;
            user = UserAccount.TryFind(request.User) ?? throw new ExecRefusedException(ExecErrorCode.NoUser, $"there is no user '{request.User}'");
            if (self.Id != 0) throw new ExecRefusedException(ExecErrorCode.NoUser, $"the exec service runs as {self.Name} and cannot become {user.Name}");
        }

        string folder = request.Folder;
        if (folder.Length == 0) folder = Directory.Exists(user.Home) ? user.Home : "/";
        else if (!Path.IsPathRooted(folder)) throw new ExecRefusedException(ExecErrorCode.NoFolder, $"the folder '{folder}' does not begin with a slash");
        else if (!Directory.Exists(folder)) throw new ExecRefusedException(ExecErrorCode.NoFolder, $"there is no folder '{folder}'");

        // Nothing of the service's own environment, which is not the command's concern.
        var variables = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["PATH"] = user.Id == 0 ? RootPath : UserPath,
            ["HOME"] = user.Home,
            ["USER"] = user.Name,
            ["LOGNAME"] = user.Name,
            ["SHELL"] = user.Shell.Length > 0 ? user.Shell : "/bin/sh",
        };
        foreach (string variable in request.Variables)
        {
            int equals = variable.IndexOf('=', StringComparison.Ordinal);
            variables[variable[..equals]] = variable[(equals + 1)..];
        }

        return new CommandSetting(user, folder, variables);
    }

    /// <summary>The program that carries a command out under this setting, without what it reads and writes.</summary>
    /// <exception cref="ExecRefusedException">There is no such program, or it cannot be run.</exception>
    public SessionProgram Program(IReadOnlyList<string> arguments)
    {
        string file = Find(arguments[0]);
        string[] variables = [.. Variables.Select(static variable => $"{variable.Key}={variable.Value}")];
        if (User.Id == UserAccount.Current.Id) return new SessionProgram(file, arguments, variables, Folder);
        if (ProgramSearch.Find("setpriv", RootPath, "/", out string become) is not null)
            throw new ExecRefusedException(ExecErrorCode.Failed, "setpriv (util-linux) is missing, by which the exec service becomes another user");
        string[] words =
        [
            "setpriv", "--reuid", Number(User.Id), "--regid", Number(User.GroupId), "--init-groups", "--", file, .. arguments.Skip(1),
        ];
        return new SessionProgram(become, words, variables, Folder);
    }

    private static string Number(uint id) => id.ToString(CultureInfo.InvariantCulture);

    private string Find(string name) => ProgramSearch.Find(name, Variables["PATH"], Folder, out string file) switch
    {
        null => file,
        ExecErrorCode.NotExecutable => throw new ExecRefusedException(ExecErrorCode.NotExecutable, $"'{name}' cannot be run: it is a folder, or nobody may execute it"),
        _ => throw new ExecRefusedException(ExecErrorCode.NotFound, $"there is no program '{name}'"),
    };
}
