using System.CommandLine;
using VmBus.Cli.Options;
using VmBus.Cli.Text;
using VmBus.Management.Client;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary>The commands that the service carries out: for definitions, and for the start of a partition.</summary>
internal static class ServiceCommand
{
    /// <summary>Builds the commands.</summary>
    public static IEnumerable<Command> CreateAll()
    {
        yield return CreateList();
        yield return CreateDefine();
        yield return CreateDefinition();
        yield return Create(
            "undefine", "Removes the definition of a partition that is off. Its disks stay.", ServiceVerb.Undefine, static (name, _) => new NameRequest(name), static (name, _) => $"{name} is not defined any more\n");
        yield return Create("start", "Starts a defined partition, and returns when it runs.", ServiceVerb.Start, static (name, _) => new NameRequest(name), static (name, _) => $"{name} is started\n");
        yield return CreateAutostart();
        yield return CreateReload();
    }

    /// <summary>Calls a verb of the service, and prints what comes.</summary>
    public static async Task<int> CallAsync<TParameters, TResult>(
        ParseResult parsed, ControlVerb<TParameters, TResult> verb, TParameters parameters, Func<TResult, string> text, bool json)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
    {
        ControlClient service = await ServiceOption.ConnectAsync(ServiceOption.PathOf(parsed), CancellationToken.None).ConfigureAwait(false);
        await using (service.ConfigureAwait(false))
        {
            TResult result = await service.CallAsync(verb, parameters, CancellationToken.None).ConfigureAwait(false);
            Console.Out.Write(json ? JsonText.Of(result) : text(result));
            return ExitStatus.Success;
        }
    }

    private static Argument<string> NameArgument()
    {
        Argument<string> name = new("NAME") { Description = "The partition" };
        name.CompletionSources.Add(ServiceOption.Names);
        return name;
    }

    private static Command Create<TParameters, TResult>(
        string name, string description, ControlVerb<TParameters, TResult> verb, Func<string, ParseResult, TParameters> parameters, Func<string, TResult, string> text)
        where TParameters : IControlValue<TParameters>
        where TResult : IControlValue<TResult>
    {
        Argument<string> partition = NameArgument();
        Option<bool> json = ControlCommand.JsonOption();
        var command = new Command(name, description) { partition, json };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            string named = parsed.GetValue(partition)!;
            return CallAsync(parsed, verb, parameters(named, parsed), result => text(named, result), parsed.GetValue(json)).GetAwaiter().GetResult();
        }));
        return command;
    }

    private static Command CreateList()
    {
        Option<bool> json = ControlCommand.JsonOption();
        var command = new Command("list", "Lists the partitions that the service knows, and how they stand.") { json };
        command.SetAction(parsed => RunCommand.Guard(() => CallAsync(parsed, ServiceVerb.List, NoValue.Instance, ServiceText.List, parsed.GetValue(json)).GetAwaiter().GetResult()));
        return command;
    }

    private static Command CreateDefine()
    {
        Argument<string> file = new("FILE") { Description = "The definition: JSON, as partition.schema.json describes it; - reads standard input" };
        Option<string?> name = new("--name") { HelpName = "NAME", Description = "The partition's name; without this, that of the file without .json" };
        Option<bool> replace = new("--replace") { Description = "Replace a definition that is there; a partition that runs goes on as it was started" };
        Option<bool> json = ControlCommand.JsonOption();
        var command = new Command("define", "Gives the service the definition of a partition, which it checks and keeps.") { file, name, replace, json };
        command.Aliases.Add("create");
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            string path = parsed.GetValue(file)!;
            string named = parsed.GetValue(name) ?? (path == "-" ? throw new UsageException("--name NAME is missing: standard input has no name.") : Path.GetFileNameWithoutExtension(path));
            string text = path == "-" ? Console.In.ReadToEnd() : File.ReadAllText(path);
            var request = new DefineRequest(named, text, parsed.GetValue(replace));
            return CallAsync(parsed, ServiceVerb.Define, request, _ => $"{named} is defined\n", parsed.GetValue(json)).GetAwaiter().GetResult();
        }));
        return command;
    }

    private static Command CreateDefinition()
    {
        Argument<string> partition = NameArgument();
        var command = new Command("definition", "Prints the definition of a partition.") { partition };
        command.SetAction(parsed => RunCommand.Guard(
            () => CallAsync(parsed, ServiceVerb.Definition, new NameRequest(parsed.GetValue(partition)!), static reply => reply.Definition, json: false).GetAwaiter().GetResult()));
        return command;
    }

    private static Command CreateAutostart()
    {
        Option<bool> disable = new("--disable") { Description = "Do not start it with the service any more" };
        Command command = Create(
            "autostart",
            "Has a partition started with the service.",
            ServiceVerb.Autostart,
            (name, parsed) => new AutostartRequest(name, !parsed.GetValue(disable)),
            static (name, status) => $"{name} is {(status.Autostart ? "" : "not ")}started with the service\n");
        command.Add(disable);
        return command;
    }

    private static Command CreateReload()
    {
        Option<bool> json = ControlCommand.JsonOption();
        var command = new Command("reload", "Has the service read the definition files again. Partitions that run go on as they were started. Exit status 1 when a file is no definition.") { json };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            bool bad = false;
            int status = CallAsync(
                parsed,
                ServiceVerb.Reload,
                NoValue.Instance,
                reply =>
                {
                    bad = reply.Problems.Count > 0;
                    return string.Concat(reply.Problems.Select(static problem => $"no definition: {problem}\n")) + $"{reply.Partitions} partitions are defined\n";
                },
                parsed.GetValue(json)).GetAwaiter().GetResult();
            return bad ? ExitStatus.Failure : status;
        }));
        return command;
    }
}
