using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace Evenkeel.Architecture.Tests;

/// <summary>
/// The house rules that a machine can check: direction of the folders, sealed or abstract, no console, no
/// platform-dependent mathematics.
/// </summary>
public sealed partial class HouseRulesTests
{
    /// <summary>The library's folders in dependency order: each may use only those before it.</summary>
    private static readonly string[] s_folders =
    [
        "Kernels", "Random", "Tensors", "Autograd", "Ops", "Nn", "Metrics", "Losses", "Optim", "Diagnostics", "Data",
        "Serialization", "Examination", "Training", "Surgery", "Doctor",
    ];

    private static readonly Assembly s_library = typeof(Tensor).Assembly;

    /// <summary>
    /// The folders of the projects, each in dependency order; what lies beside the folders is everybody's.
    /// </summary>
    private static readonly Dictionary<string, string[]> s_projects = new(StringComparer.Ordinal)
    {
        ["Evenkeel"] = s_folders,
        ["Evenkeel.Images"] = ["Decoding"],
        ["Evenkeel.Lab"] = ["Drawn", "Experiments", "Claims", "Reports", "Running"],
        ["Evenkeel.Onnx"] = ["Format", "Import", "Export", "Examination"],
        ["Evenkeel.Tables"] = ["Reading", "Learning", "Loading"],
        ["Evenkeel.Workbench"] = ["Settings", "Files", "Models", "Data", "Watching", "Runs", "Diagnoses"],
        ["Evenkeel.Cli"] = ["Bench", "Bits", "Pictures", "Terminal", "Commands"],
    };

    public static TheoryData<string, string> Folders
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach ((string project, string[] folders) in s_projects)
            {
                foreach (string folder in folders) all.Add(project, folder);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_uses_only_those_above_it(string project, string folder)
    {
        string[] folders = s_projects[project];
        int level = Array.IndexOf(folders, folder);
        var violations = new List<string>();
        Dictionary<string, string> home = HomeOfTypes(project);
        string[] files = [.. FilesOf(project, folder)];
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            string code = CodeOnly(File.ReadAllText(file));
            foreach (Match word in Identifier().Matches(code))
            {
                string name = word.Groups["name"].Value;
                if (home.TryGetValue(name, out string? other) && Array.IndexOf(folders, other) > level
                    && !IsBridge(file, other))
                {
                    violations.Add($"{Path.GetFileName(file)} ({folder}) uses {name} ({other})");
                }
            }
        }

        Assert.True(violations.Count == 0, string.Join('\n', violations.Distinct()));
    }

    /// <summary>
    /// A method with a body is final: what differs between experiments, claims or commands is abstract, or a
    /// property with a default value.
    /// </summary>
    [Fact]
    public void An_implemented_method_of_the_lab_is_not_overridden()
    {
        const BindingFlags Own =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        Assembly[] ours = [Assembly.Load("Evenkeel.Lab"), Assembly.Load("Evenkeel.Cli")];
        var violations = new List<string>();
        foreach (MethodInfo method in
            ours.SelectMany(static one => one.GetTypes()).SelectMany(static type => type.GetMethods(Own)))
        {
            MethodInfo first = method.GetBaseDefinition();
            if (method.IsSpecialName || first == method || !ours.Contains(first.DeclaringType!.Assembly)) continue;
            for (Type? type = method.DeclaringType!.BaseType; type is not null; type = type.BaseType)
            {
                MethodInfo? overridden = type.GetMethods(Own)
                    .FirstOrDefault(other => other.GetBaseDefinition() == first);
                if (overridden is { IsAbstract: false })
                    violations.Add($"{method.DeclaringType.Name} overrides {type.Name}.{method.Name}");
            }
        }

        Assert.True(violations.Count == 0, string.Join('\n', violations));
    }

    /// <summary>
    /// What the lab shows, a user can do: it stands on the public library. Only the drawn sets see more of it: for
    /// their bits and their speed they need its sine and its worker threads.
    /// </summary>
    [Fact]
    public void The_lab_uses_what_a_user_can_use()
    {
        string[] drawing = ["Evenkeel.Random.ScalarMath", "Evenkeel.Kernels.IJob", "Evenkeel.Kernels.Workers"];
        using var file = new PEReader(File.OpenRead(Assembly.Load("Evenkeel.Lab").Location));
        MetadataReader lab = file.GetMetadataReader();
        var hidden = new HashSet<string>(StringComparer.Ordinal);
        foreach (Type type in lab.TypeReferences.Select(Library).OfType<Type>())
        {
            if (!type.IsVisible) hidden.Add(type.FullName!);
        }

        foreach (MemberReference member in lab.MemberReferences.Select(lab.GetMemberReference))
        {
            if (member.Parent.Kind != HandleKind.TypeReference) continue;
            if (Library((TypeReferenceHandle)member.Parent) is not { IsVisible: true } type) continue;
            string name = lab.GetString(member.Name);
            const BindingFlags Any =
                BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;
            if (!type.GetMember(name, Any).Any(IsUsable)) hidden.Add($"{type.FullName}.{name}");
        }

        Assert.Equal(drawing.Order(StringComparer.Ordinal), hidden.Order(StringComparer.Ordinal));

        static bool IsUsable(MemberInfo member) => member switch
        {
            MethodBase method => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly,
            FieldInfo field => field.IsPublic || field.IsFamily || field.IsFamilyOrAssembly,
            _ => false,
        };

        Type? Library(TypeReferenceHandle handle)
        {
            TypeReference reference = lab.GetTypeReference(handle);
            if (reference.ResolutionScope.Kind != HandleKind.AssemblyReference) return null;
            AssemblyReference assembly = lab.GetAssemblyReference((AssemblyReferenceHandle)reference.ResolutionScope);
            if (lab.GetString(assembly.Name) != "Evenkeel") return null;
            return s_library.GetType($"{lab.GetString(reference.Namespace)}.{lab.GetString(reference.Name)}");
        }
    }

    [Fact]
    public void Every_folder_has_a_place_in_the_order()
    {
        foreach ((string project, string[] folders) in s_projects)
        {
            IEnumerable<string> found = Directory.EnumerateDirectories(Path.Combine(Root, "src", project))
                .Where(static path => Path.GetFileName(path) is not ("obj" or "bin"))
                .Where(static path => Directory.EnumerateFiles(path, "*.cs", SearchOption.AllDirectories).Any())
                .Select(static path => Path.GetFileName(path));
            Assert.Empty(found.Except(folders));
        }
    }

    [Fact]
    public void Every_class_is_sealed_or_abstract_or_static()
    {
        foreach (Assembly assembly in s_projects.Keys.Select(Assembly.Load))
        {
            string[] open = [.. assembly.GetTypes()
                .Where(type => type.IsClass && !type.IsSealed && !type.IsAbstract
                    && !type.IsDefined(typeof(CompilerGeneratedAttribute)) && !type.Name.StartsWith('<'))
                .Select(type => type.FullName!)];
            Assert.True(open.Length == 0, string.Join('\n', open));
        }
    }

    [Fact]
    public void The_library_never_writes_to_the_console_and_has_no_dependencies()
    {
        foreach (string file in
            Directory.EnumerateFiles(LibraryFolder, "*.cs", SearchOption.AllDirectories).Where(IsSource))
        {
            Assert.DoesNotContain("Console.", CodeOnly(File.ReadAllText(file)), StringComparison.Ordinal);
        }

        string[] foreign = [.. s_library.GetReferencedAssemblies().Select(name => name.Name!).Where(name =>
            !name.StartsWith("System.", StringComparison.Ordinal) && name is not "System" and not "netstandard")];
        Assert.Empty(foreign);
    }

    [Fact]
    public void No_kernel_calls_mathematics_whose_bits_depend_on_the_system()
    {
        foreach (string file in
            Directory.EnumerateFiles(LibraryFolder, "*.cs", SearchOption.AllDirectories).Where(IsSource))
        {
            Match call = PlatformMathematics().Match(CodeOnly(File.ReadAllText(file)));
            Assert.False(call.Success, $"{Path.GetFileName(file)} calls {call.Value}: "
                + $"its bits depend on the hardware or the C library; use VectorMath");
        }
    }

    /// <summary>
    /// An address holds nothing. An op holds its tensors in fields, and <c>Op</c> holds the op while it runs; everybody
    /// else writes <c>fixed (T* p = tensor.AsSpan&lt;T&gt;())</c>, which holds the memory to the end of the block.
    /// </summary>
    [Fact]
    public void Only_ops_take_addresses_of_tensors_and_only_of_memory_they_hold()
    {
        string[] others =
        [
            "Optimizer", // Holds the parameters and the state, and itself until the step is done.
            "BatchStatistics", // A part of a batch norm, which holds it; it holds the tensor.
        ];
        int found = 0;
        var violations = new List<string>();
        foreach (string file in
            Directory.EnumerateFiles(LibraryFolder, "*.cs", SearchOption.AllDirectories).Where(IsSource))
        {
            string code = CodeOnly(File.ReadAllText(file));
            Match[] types = [.. Declaration().Matches(code).Cast<Match>()];
            for (int i = 0; i < types.Length; i++)
            {
                string body = code[types[i].Index..(i + 1 < types.Length ? types[i + 1].Index : code.Length)],
                    name = types[i].Groups["name"].Value.TrimEnd('<');
                if (!Address().IsMatch(body)) continue;
                found++;
                if (!others.Contains(name) && !IsOp(name))
                {
                    violations.Add($"{name} ({Path.GetFileName(file)}) takes the address of a tensor: "
                        + $"write fixed (T* p = tensor.AsSpan<T>())");
                }

                foreach (Match made in OwnMemory().Matches(body))
                {
                    string local = made.Groups["local"].Value;
                    if (Regex.IsMatch(body, $@"\b{local}!?\.Pointer<"))
                    {
                        violations.Add($"{name} ({Path.GetFileName(file)}) takes the address of {local}, "
                            + $"which it does not hold: make it with NewTensor");
                    }
                }
            }
        }

        Assert.InRange(found, 20, 200);
        Assert.True(violations.Count == 0, string.Join('\n', violations));
    }

    private static bool IsOp(string name) =>
        s_library.GetTypes().Any(type => type.Name.Split('`')[0] == name && IsOp(type));

    private static bool IsOp(Type? type) => type is not null && (type.FullName == "Evenkeel.Op" || IsOp(type.BaseType));

    [GeneratedRegex(@"(?<!\* )\bPointer<")]
    private static partial Regex Address();

    /// <summary>
    /// A local tensor that is made by something else than the op's own <c>NewTensor</c> and <c>Open</c>.
    /// </summary>
    [GeneratedRegex(
        @"\b(?:Tensor|var) (?<local>[a-z]\w*) = (?![^;]*\b(?:NewTensor|Open)\()"
        + @"[^;]*\b(?:Tensor\.[A-Z]\w*|Empty|Clone|To|Detach|[A-Z]\w+Op\.Apply)\(")]
    private static partial Regex OwnMemory();

    /// <summary>
    /// A word that may name a type: no member (after a dot), no method (before a parenthesis, unless after new),
    /// no property (before its accessors).
    /// </summary>
    [GeneratedRegex(
        @"new\s+(?<name>[A-Z]\w+<?)|(?<![.\w])(?<name>(?>[A-Z]\w+<?))(?!\s*\(|\s*\{ get;)(?![\w, ]*>\s*\()")]
    private static partial Regex Identifier();

    [GeneratedRegex(
        @"\b(?:Math|MathF|Vector512|Vector256|T)\.(?:Exp|Exp2|Log|Log2|Log10|Pow"
        + @"|Sin|Cos|SinCos|Tan|Tanh|Sinh|Cosh|Atan|Atan2|Cbrt)\b"
        + @"|\bTensorPrimitives\b|MultiplyAddEstimate|ReciprocalEstimate|ReciprocalSqrtEstimate")]
    private static partial Regex PlatformMathematics();

    [GeneratedRegex(@"//.*?$|/\*.*?\*/|@?\$*""""""[\s\S]*?""""""|\$?@?""(\\.|[^""\\])*""",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex CommentOrString();

    private static string LibraryFolder => Path.Combine(Root, "src", "Evenkeel");

    private static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (!File.Exists(Path.Combine(folder.FullName, "Evenkeel.slnx")))
            {
                folder = folder.Parent
                    ?? throw new InvalidOperationException("The tests must run from inside the repository.");
            }

            return folder.FullName;
        }
    }

    internal static IEnumerable<string> FilesOf(string project, string folder)
    {
        string path = Path.Combine(Root, "src", project, folder);
        return Directory.Exists(path) ? Directory.EnumerateFiles(path, "*.cs", SearchOption.AllDirectories) : [];
    }

    private static bool IsSource(string file) =>
        !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal);

    private static string CodeOnly(string text) => CommentOrString().Replace(text, " ");

    /// <summary>
    /// Where each type is declared. A name declared in two folders counts for the earlier one; Tensor, spread over
    /// its ops, lives in Tensors.
    /// </summary>
    private static Dictionary<string, string> HomeOfTypes(string project)
    {
        var home = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string folder in s_projects[project])
        {
            foreach (string file in FilesOf(project, folder))
            {
                foreach (Match declaration in Declaration().Matches(CodeOnly(File.ReadAllText(file))))
                    home.TryAdd(declaration.Groups["name"].Value, folder);
            }
        }

        return home;
    }

    /// <summary>A type at the top level of a file; a generic one is followed by its parameters.</summary>
    [GeneratedRegex(
        @"^(?:public |internal |sealed |abstract |static |readonly |partial |unsafe |ref )*"
        + @"(?:class|struct|interface|enum|record struct|record class|record)\s+(?<name>[A-Z]\w+<?)",
        RegexOptions.Multiline)]
    private static partial Regex Declaration();

    /// <summary>
    /// What may look down: the handle Tensor names the tape it rides on, and random streams fill tensors.
    /// </summary>
    private static bool IsBridge(string file, string other) =>
        other == "Autograd" && Path.GetFileName(file).StartsWith("Tensor.", StringComparison.Ordinal);
}
