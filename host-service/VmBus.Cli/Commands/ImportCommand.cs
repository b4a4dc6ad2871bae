using System.CommandLine;
using VmBus.Cli.Import;
using VmBus.Cli.Options;
using VmBus.Management.Values;
using VmBus.Management.Verbs;

namespace VmBus.Cli.Commands;

/// <summary><c>vmbus import</c>: makes a definition of another hypervisor's description.</summary>
internal static class ImportCommand
{
    /// <summary>Builds the command with its options.</summary>
    public static Command Create()
    {
        Argument<string> file = new("FILE")
        {
            Description = "A libvirt domain (virsh dumpxml), or the XML configuration of a Hyper-V export (its folder 'Virtual Machines'); - reads standard input",
        };
        Option<string?> name = new("--name") { HelpName = "NAME", Description = "The partition's name; without this, the one in the file" };
        Option<string?> kernel = new("--kernel") { HelpName = "FILE", Description = "The kernel to boot, in place of what the file says" };
        Option<string?> initrd = new("--initrd") { HelpName = "FILE", Description = "Its initial RAM disk" };
        Option<string?> append = new("--append") { HelpName = "TEXT", Description = "Its command line" };
        Option<string?> disks = new("--disks") { HelpName = "FOLDER", Description = "Where the VHDX files of a Hyper-V export are; without this, its folder 'Virtual Hard Disks'" };
        Option<bool> define = new("--define") { Description = "Give the definition to the service, instead of printing it" };
        Option<bool> replace = new("--replace") { Description = "With --define: replace a definition that is there" };
        var command = new Command("import", "Makes a definition of a libvirt domain or of a Hyper-V export, and says on standard error what it left out.") { file, name, kernel, initrd, append, disks, define, replace };
        command.SetAction(parsed => RunCommand.Guard(() =>
        {
            string path = parsed.GetValue(file)!;
            if (parsed.GetValue(replace) && !parsed.GetValue(define)) throw new UsageException("--replace is for --define, which gives the definition to the service.");
            ImportedPartition partition = ImportFile.Read(path, parsed.GetValue(disks));
            if (parsed.GetValue(kernel) is { } image)
            {
                // The file's own initial RAM disk is for the file's own kernel.
                (partition.Kernel, partition.Initrd) = (Path.GetFullPath(image), null);
            }

            if (parsed.GetValue(initrd) is { } disk) partition.Initrd = Path.GetFullPath(disk);
            if (parsed.GetValue(append) is { } line) partition.Append = line;
            if (partition.Kernel is null) partition.LeaveOut("firmware", "a boot entry of the first disk is started as its own configuration says; 'vmbus boot-entries IMAGE' lists them, and --kernel names another kernel");
            foreach (string item in partition.LeftOut) Console.Error.WriteLine($"vmbus: left out: {item}");
            string text = partition.ToDefinition();
            if (!parsed.GetValue(define))
            {
                Console.Out.Write(text);
                return ExitStatus.Success;
            }

            string named = parsed.GetValue(name) ?? ImportedPartition.NameFrom(partition.Name);
            if (named.Length == 0) throw new UsageException("--name NAME is missing: the file gives the partition no name.");
            var request = new DefineRequest(named, text, parsed.GetValue(replace));
            return ServiceCommand.CallAsync(parsed, ServiceVerb.Define, request, _ => $"{named} is defined\n", json: false).GetAwaiter().GetResult();
        }));
        return command;
    }
}
