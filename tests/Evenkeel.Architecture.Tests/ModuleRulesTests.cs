using System.Reflection;
using System.Reflection.Metadata;
using System.Text.RegularExpressions;
using Xunit;
using Module = Evenkeel.Nn.Module;

namespace Evenkeel.Architecture.Tests;

/// <summary>
/// House rule 2 for modules: fields and constructor in one class, implemented methods are not overridden, at most two
/// levels below <see cref="Module"/>; and no decision by a display name.
/// </summary>
public sealed partial class ModuleRulesTests
{
    private const BindingFlags Declared =
        BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>What may be overridden although it has a body, and why.</summary>
    private static readonly Dictionary<(string Type, string Method), string> s_overridable = new()
    {
        [("Module", "ToString")] = "object has it; Module prints the children, a layer without children its settings",
    };

    public static TheoryData<Type> Modules =>
        [.. s_assemblies.SelectMany(static assembly => assembly.GetTypes())
            .Where(static type => type.IsSubclassOf(typeof(Module)))];

    private static readonly Assembly[] s_assemblies = [typeof(Module).Assembly, Assembly.Load("Evenkeel.Lab")];

    [Theory]
    [MemberData(nameof(Modules))]
    public void A_module_lies_at_most_two_levels_below_Module(Type type)
    {
        Type[] between = [.. Between(type)];
        Assert.True(
            between.Length <= 1,
            $"{type.Name} has {string.Join(", ", between.Select(static t => t.Name))} between it and Module");
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public void Fields_and_constructor_are_in_one_class(Type type)
    {
        foreach (Type above in Between(type))
        {
            if (above.GetFields(Declared).Length == 0 && above.GetConstructors(Declared).All(OnlyCallsAnother))
                continue;
            string[] fields = [.. type.GetFields(Declared).Select(static field => field.Name)];
            Assert.True(
                fields.Length == 0,
                $"{type.Name} has fields ({string.Join(", ", fields)}), and {above.Name} above it has fields too");
            Assert.True(
                type.GetConstructors(Declared).All(OnlyCallsAnother),
                $"a constructor of {type.Name} does more than to call that of {above.Name}, which has the fields");
        }
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public void Implemented_methods_are_not_overridden(Type type)
    {
        foreach (MethodInfo method in type.GetMethods(Declared).Where(static method => method.IsVirtual))
        {
            if (Overridden(method) is not { IsAbstract: false } implemented || IsEmpty(implemented)) continue;
            Assert.True(
                s_overridable.ContainsKey((implemented.DeclaringType!.Name, implemented.Name)),
                $"{type.Name} overrides {implemented.DeclaringType.Name}.{implemented.Name}, which has a body");
        }
    }

    /// <summary>The rules see what they are for.</summary>
    [Fact]
    public void The_rules_find_what_breaks_them()
    {
        Assert.Throws<Xunit.Sdk.TrueException>(() => A_module_lies_at_most_two_levels_below_Module(typeof(Third)));
        Assert.Throws<Xunit.Sdk.TrueException>(() => Fields_and_constructor_are_in_one_class(typeof(Second)));
        Assert.Throws<Xunit.Sdk.TrueException>(() => Fields_and_constructor_are_in_one_class(typeof(Working)));
        Assert.Throws<Xunit.Sdk.TrueException>(() => Implemented_methods_are_not_overridden(typeof(Third)));
        Fields_and_constructor_are_in_one_class(typeof(Third));
        Implemented_methods_are_not_overridden(typeof(Second));
        Assert.Matches(DecisionByName(), "if (module.TypeName.EndsWith('d'))");
        Assert.Matches(DecisionByName(), "int rank = name == \"Conv2d\" ? 4 : 3;");
        Assert.Matches(DecisionByName(), "consumers[0] is { Name: \"Reshape\" }");
        Assert.DoesNotMatch(DecisionByName(), "LayerName: \"x\"; names == null; $\"{TypeName}: expected\"");
    }

    [Fact]
    public void Nothing_is_decided_by_a_display_name()
    {
        string[] folders = ["Kernels", "Random", "Tensors", "Autograd", "Ops", "Nn", "Losses", "Optim", "Diagnostics"];
        var violations = new List<string>();
        foreach (string folder in folders)
        {
            foreach (string file in HouseRulesTests.FilesOf("Evenkeel", folder))
            {
                foreach (Match match in DecisionByName().Matches(File.ReadAllText(file)))
                    violations.Add($"{Path.GetFileName(file)}: {match.Value}");
            }
        }

        Assert.True(violations.Count == 0, string.Join('\n', violations));
    }

    /// <summary>A name compared with a literal, or looked into.</summary>
    [GeneratedRegex(
        @"\b(?:\w*Name|name)\s*(?:==|!=|is)\s*""|(?<!\w)Name: """
        + @"|\b(?:TypeName|Name)\.(?:StartsWith|EndsWith|Contains)\(")]
    private static partial Regex DecisionByName();

    private static IEnumerable<Type> Between(Type type)
    {
        for (Type above = type.BaseType!; above != typeof(Module); above = above.BaseType!) yield return above;
    }

    /// <summary>The method that this one overrides, in the nearest class above; null if it is a new one.</summary>
    private static MethodInfo? Overridden(MethodInfo method)
    {
        MethodInfo first = method.GetBaseDefinition();
        if (first == method) return null;
        for (Type? type = method.DeclaringType!.BaseType; type is not null; type = type.BaseType)
        {
            foreach (MethodInfo candidate in type.GetMethods(Declared))
            {
                if (candidate.GetBaseDefinition() == first) return candidate;
            }
        }

        return null;
    }

    /// <summary>A body without an instruction but the return.</summary>
    private static bool IsEmpty(MethodInfo method) => Code(method).SequenceEqual([(byte)ILOpCode.Ret]);

    /// <summary>
    /// A constructor whose last act before it returns is the call of another one: it only hands values on.
    /// </summary>
    private static bool OnlyCallsAnother(ConstructorInfo constructor)
    {
        byte[] code = Code(constructor);
        if (code.Length < 6 || code[^1] != (byte)ILOpCode.Ret || code[^6] != (byte)ILOpCode.Call) return false;
        MethodBase? called = constructor.Module.ResolveMethod(BitConverter.ToInt32(code, code.Length - 5));
        return called is ConstructorInfo
            && (called.DeclaringType == constructor.DeclaringType
                || called.DeclaringType == constructor.DeclaringType!.BaseType);
    }

    /// <summary>The instructions of a method, without those that do nothing, which a debug build has.</summary>
    private static byte[] Code(MethodBase method)
    {
        byte[] code = method.GetMethodBody()!.GetILAsByteArray()!;
        int end = code.Length - 1;
        while (end > 0 && code[end - 1] == (byte)ILOpCode.Nop) end--;
        int start = 0;
        while (start < end && code[start] == (byte)ILOpCode.Nop) start++;
        return [.. code[start..end], code[^1]];
    }

    private abstract class First(int size) : Module
    {
        public int Size { get; } = size;

        protected override Tensor ForwardCore(Tensor x) => x;

        protected virtual void Nothing()
        {
        }
    }

    private class Second(int size, int other) : First(size)
    {
        public int Other { get; } = other;

        protected override void Nothing() => GC.KeepAlive(Other);
    }

    private sealed class Third : Second
    {
        public Third()
            : base(1, 2)
        {
        }

        protected override Tensor ForwardCore(Tensor x) => x + Other;
    }

    private sealed class Working : First
    {
        public Working(int size)
            : base(size) => ArgumentOutOfRangeException.ThrowIfNegative(size);
    }
}
