using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// One copy of a network, as <see cref="Module.Clone"/> makes it. An object that is met twice is copied once: one
/// object in the network is one object in the copy.
/// </summary>
/// <remarks>
/// <para>Everything that a module has registered is copied. Modules, parameters, buffers, running statistics, plain
/// tensors and random streams in its fields are copied too, registered or not, and so are arrays and lists of them.
/// Every other object is shared with the copy. If one of those holds modules, parameters or tensors, as a dictionary, a
/// tuple, a function or a helper class may, the copy is refused unless <see cref="Module.CopyState"/> has put something
/// else there.</para>
/// <para>What an object other than a list may hold is read from the declared types of its fields: an <c>object</c> or a
/// function inside a helper class is not looked into.</para>
/// </remarks>
public sealed class ModuleCopier
{
    private const BindingFlags Declared =
        BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private readonly Dictionary<object, object> _copies = new(ReferenceEqualityComparer.Instance);
    private readonly Func<Module, ModuleCopier, Module?>? _substitute;
    private readonly bool _sharesWeights;

    // The field that is being copied, for errors.
    private string _place = "";

    /// <param name="substitute">
    /// Makes the module that stands in the copy for a module, from this copier's copies of its parameters and buffers.
    /// Null takes the copy of the module.
    /// </param>
    /// <param name="sharesWeights">Whether the copy's parameters share the memory of the network's.</param>
    internal ModuleCopier(Func<Module, ModuleCopier, Module?>? substitute, bool sharesWeights) =>
        (_substitute, _sharesWeights) = (substitute, sharesWeights);

    /// <summary>The module that stands in the copy for a module of the network.</summary>
    /// <exception cref="InvalidOperationException">A substitute is not a <typeparamref name="T"/>.</exception>
    public T Copy<T>(T module) where T : Module
    {
        ArgumentNullException.ThrowIfNull(module);
        return Once(module, CopyModule) is var copy && copy is T typed ? typed : throw NotAdmitted(typeof(T), copy);
    }

    /// <summary>The parameter that stands in the copy for a parameter of the network.</summary>
    public Parameter Copy(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return (Parameter)Once(parameter, parameter =>
        {
            if (parameter.Source is WeightParametrization source)
                return new Parameter(Copy(source), parameter.Name, parameter.GivenRole);
            Tensor value = parameter.Value;
            return new Parameter(
                _sharesWeights ? value.Alias(value.Shape) : value.Clone(), parameter.Name, parameter.GivenRole)
            {
                RequiresGradient = parameter.RequiresGradient,
            };
        });
    }

    /// <summary>The buffer that stands in the copy for a buffer of the network.</summary>
    public StateBuffer Copy(StateBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        return (StateBuffer)Once(buffer, buffer => new StateBuffer(Copy(buffer.Value), buffer.Name, buffer.Range));
    }

    /// <summary>Running statistics whose buffers are the copies of the network's.</summary>
    public RunningStatistics Copy(RunningStatistics running)
    {
        ArgumentNullException.ThrowIfNull(running);
        return (RunningStatistics)CopyObject(running)!;
    }

    /// <summary>A copy of a plain tensor; a parameter's own tensor becomes that of its copy.</summary>
    public Tensor Copy(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        // An activation belongs to its pass, not to the network.
        if (tensor.Tape is not null) return tensor;
        if (tensor.Parameter is { } parameter) return Copy(parameter).Value;
        return (Tensor)Once(tensor, static tensor =>
        {
            Tensor copy = tensor.Clone();
            copy.IsDetachedFromParameter = tensor.IsDetachedFromParameter;
            return copy;
        });
    }

    private object Once<T>(T value, Func<T, object> copy) where T : class
    {
        if (_copies.TryGetValue(value, out object? known)) return known;
        object made = copy(value);
        _copies.TryAdd(value, made);
        return made;
    }

    private Module CopyModule(Module module)
    {
        if (_substitute?.Invoke(module, this) is { } replacement) return replacement;
        Module copy = module.CopyShell();
        // A module may be met again below itself.
        _copies.Add(module, copy);
        copy.CopyRegistered(this);
        string outer = _place;
        CopyFields(module, copy);
        copy.CopyOwnState(this);
        CopyGuard.Refuse(module, copy);
        _place = outer;
        return copy;
    }

    /// <summary>An object with copies of what its fields hold; null if one of them cannot be copied.</summary>
    private object? CopyObject(object value)
    {
        if (_copies.TryGetValue(value, out object? known)) return known;
        object copy = MemberwiseClone(value);
        if (!CopyFields(value, copy)) return null;
        _copies.Add(value, copy);
        return copy;
    }

    /// <summary>False if a field leads to the network in a way that is not known.</summary>
    private bool CopyFields(object value, object copy)
    {
        bool isCopied = true;
        foreach (FieldInfo field in FieldsOf(value))
        {
            if (value is Module module) _place = $"{module.TypeName}.{NameOf(field)}";
            if (field.GetValue(value) is not { } held) continue;
            if (CopyOrNull(held) is { } mapped)
            {
                if (!field.FieldType.IsInstanceOfType(mapped)) throw NotAdmitted(field.FieldType, mapped);
                field.SetValue(copy, mapped);
            }
            else
            {
                isCopied &= !CopyGuard.Holds(held);
            }
        }

        return isCopied;
    }

    /// <summary>
    /// The copy of an object of a kind that is copied in any field or list; null for every other object.
    /// </summary>
    private object? CopyOrNull(object value) => value switch
    {
        Module module => Once(module, CopyModule),
        Parameter parameter => Copy(parameter),
        StateBuffer buffer => Copy(buffer),
        Tensor tensor => Copy(tensor),
        Array { Rank: 1 } array => CopyArray(array),
        RunningStatistics or IRandomStream => CopyObject(value),
        IList and not (Array or ValueType) => CopyObject(value),
        _ => null,
    };

    private Array? CopyArray(Array array)
    {
        Type element = array.GetType().GetElementType()!;
        if (element.IsValueType && CopyGuard.MayHold(element)) return null;
        if (_copies.TryGetValue(array, out object? known)) return (Array)known;
        var copy = (Array)array.Clone();
        for (int i = 0; i < copy.Length && !element.IsValueType; i++)
        {
            if (array.GetValue(i) is not { } held) continue;
            object? mapped = CopyOrNull(held);
            if (mapped is null && CopyGuard.Holds(held)) return null;
            if (mapped is null) continue;
            if (!element.IsInstanceOfType(mapped)) throw NotAdmitted(element, mapped);
            copy.SetValue(mapped, i);
        }

        _copies.Add(array, copy);
        return copy;
    }

    private InvalidOperationException NotAdmitted(Type expected, object mapped) => new(
        $"Module.Clone: {_place} admits a {NameOf(expected)} only; the substitute {NameOf(mapped.GetType())} cannot "
        + $"stand there. Declare it with a type that admits both, for example {nameof(Module)}, "
        + "or replace the module that contains it.");

    internal static string NameOf(Type type) => type.Name.Split('`')[0];

    /// <summary>
    /// The name in the source: a property's for its field, a constructor parameter's for a captured one.
    /// </summary>
    internal static string NameOf(FieldInfo field) => field.Name.TrimStart('<').Split('>')[0];

    /// <summary>The fields of an object, of a module without those that <see cref="Module"/> declares.</summary>
    internal static IEnumerable<FieldInfo> FieldsOf(object value)
    {
        for (Type? type = value.GetType(); type is not null && type != typeof(Module); type = type.BaseType)
        {
            foreach (FieldInfo field in DeclaredBy(type)) yield return field;
        }
    }

    /// <summary>The fields that a type itself declares.</summary>
    [UnconditionalSuppressMessage(
        "Trimming", "IL2070",
        Justification = "All fields of modules are kept (the attribute on Module). Other types keep the fields that "
            + "code uses, and one that no code uses holds nothing of a network.")]
    internal static FieldInfo[] DeclaredBy(Type type) => type.GetFields(Declared);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(MemberwiseClone))]
    private static extern object MemberwiseClone(object value);
}
