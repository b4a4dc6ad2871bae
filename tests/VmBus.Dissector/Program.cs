using VmBus.Dissector;
using VmBus.TestKit.SpecTables;

// Makes protocol-spec/vmbus.lua of the tables of protocol-spec/*.md and of dissector.lua beside this file.
string path = Path.Combine(Repository.Root, "protocol-spec", "vmbus.lua");
File.WriteAllText(path, DissectorText.Make());
Console.WriteLine(path);
