using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>
/// One deep copy of a network: what is met twice is copied once. Modules, parameters, buffers and tensors have their own rules; of other objects, collections are copied, and whatever leads to
/// something of the network; the rest is shared.
/// </summary>
/// <param name="substitute">What stands in the copy for a module, made with what this copier makes of its parameters and buffers; null for the module's copy.</param>
/// <param name="sharesWeights">Whether the copy's parameters share the memory of the network's.</param>
internal sealed class ModuleCopier(Func<Module, ModuleCopier, Module?>? substitute, bool sharesWeights)
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private readonly Dictionary<object, object> _copies = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Type, bool> _mayMatter = [];

    // The field of a module that is being copied, for errors.
    private string _place = "";

    public Module Copy(Module module)
    {
        if (_copies.TryGetValue(module, out object? known)) return (Module)known;
        if (substitute?.Invoke(module, this) is { } replacement)
        {
            _copies.Add(module, replacement);
            return replacement;
        }

        Module copy = module.CopyShell();
        _copies.Add(module, copy);
        copy.CopyRegistered(this);
        CopyModuleFields(copy);
        return copy;
    }

    public Parameter Copy(Parameter parameter)
    {
        if (_copies.TryGetValue(parameter, out object? known)) return (Parameter)known;
        Tensor value = parameter.Value;
        var copy = new Parameter(sharesWeights ? value.Alias(value.Shape) : value.Clone(), parameter.Name,
            parameter.GivenRole)
        {
            RequiresGradient = parameter.RequiresGradient,
        };
        _copies.Add(parameter, copy);
        return copy;
    }

    public StateBuffer Copy(StateBuffer buffer)
    {
        if (_copies.TryGetValue(buffer, out object? known)) return (StateBuffer)known;
        var copy = new StateBuffer(Copy(buffer.Value), buffer.Name, buffer.Range);
        _copies.Add(buffer, copy);
        return copy;
    }

    /// <summary>Statistics whose buffers are the copies of the network's.</summary>
    public RunningStatistics Copy(RunningStatistics running) => (RunningStatistics)Copy((object)running);

    private Tensor Copy(Tensor tensor)
    {
        // An activation belongs to its pass, not to the network.
        if (tensor.Tape is not null) return tensor;
        if (tensor.Parameter is { } parameter) return Copy(parameter).Value;
        if (_copies.TryGetValue(tensor, out object? known)) return (Tensor)known;
        Tensor copy = tensor.Clone();
        copy.IsDetachedFromParameter = tensor.IsDetachedFromParameter;
        _copies.Add(tensor, copy);
        return copy;
    }

    private object Copy(object value) => value switch
    {
        Module module => Copy(module),
        Parameter parameter => Copy(parameter),
        StateBuffer buffer => Copy(buffer),
        Tensor tensor => Copy(tensor),
        _ when _copies.TryGetValue(value, out object? known) => known,
        Array array => CopyArray(array),
        Delegate function => CopyDelegate(function),
        // A struct in a box of its own: a field of an interface type, or an array of objects, holds the box itself.
        ValueType => MayMatter(value.GetType()) ? CopyFields(value, MemberwiseClone(value)) : value,
        _ when IsOpaque(value.GetType()) => value,
        _ => IsCollection(value.GetType()) || value is IRandomStream || LeadsToNetwork(value) ? CopyObject(value) : value,
    };

    private void CopyModuleFields(Module copy)
    {
        string outer = _place;
        for (Type? type = copy.GetType(); type is not null && type != typeof(Module); type = type.BaseType)
        {
            foreach (FieldInfo field in FieldsOf(type))
            {
                _place = $"{copy.TypeName}.{NameOf(field)}";
                CopyField(copy, copy, field);
            }
        }

        _place = outer;
    }

    private object CopyObject(object value)
    {
        object copy = MemberwiseClone(value);
        _copies.Add(value, copy);
        CopyFields(value, copy);
        Type type = value.GetType();
        // Keys that were copied have other hash codes.
        if (!type.IsGenericType || !MayMatter(type.GetGenericArguments()[0])) return copy;
        if (copy is IDictionary { IsReadOnly: false } dictionary)
        {
            var entries = new List<DictionaryEntry>(dictionary.Count);
            foreach (DictionaryEntry entry in dictionary) entries.Add(entry);
            dictionary.Clear();
            foreach (DictionaryEntry entry in entries) dictionary.Add(entry.Key, entry.Value);
        }
        else if (copy is IDictionary || (IsCollection(type) && type.Name.Contains("Set", StringComparison.Ordinal)))
        {
            throw new InvalidOperationException($"Module.Clone: {_place} of type {NameOf(type)} is a set or cannot be changed, so it cannot be copied with what it holds. Keep modules and parameters in an array, a List or a Dictionary.");
        }

        return copy;
    }

    private object CopyFields(object value, object copy)
    {
        for (Type? type = value.GetType(); type is not null && type != typeof(object); type = type.BaseType)
        {
            foreach (FieldInfo field in FieldsOf(type)) CopyField(value, copy, field);
        }

        return copy;
    }

    private void CopyField(object value, object copy, FieldInfo field)
    {
        if (!MayMatter(field.FieldType) || field.GetValue(value) is not { } held) return;
        object mapped = Copy(held);
        if (ReferenceEquals(mapped, held) && !field.FieldType.IsValueType) return;
        if (!field.FieldType.IsInstanceOfType(mapped)) throw NotAdmitted(field.FieldType, mapped);
        field.SetValue(copy, mapped);
    }

    private Array CopyArray(Array array)
    {
        var copy = (Array)array.Clone();
        _copies.Add(array, copy);
        Type element = array.GetType().GetElementType()!;
        if (!MayMatter(element)) return copy;
        Span<int> index = stackalloc int[array.Rank];
        for (long i = 0; i < array.LongLength; i++)
        {
            long rest = i;
            for (int axis = array.Rank - 1; axis >= 0; axis--)
            {
                index[axis] = array.GetLowerBound(axis) + (int)(rest % array.GetLength(axis));
                rest /= array.GetLength(axis);
            }

            int[] position = index.ToArray();
            if (array.GetValue(position) is not { } held) continue;
            object mapped = Copy(held);
            if (!element.IsInstanceOfType(mapped)) throw NotAdmitted(element, mapped);
            copy.SetValue(mapped, position);
        }

        return copy;
    }

    private Delegate CopyDelegate(Delegate function)
    {
        if (!LeadsToNetwork(function)) return function;
        Delegate? copy = null;
        foreach (Delegate part in function.GetInvocationList())
            copy = Delegate.Combine(copy, part.Target is null ? part : Delegate.CreateDelegate(part.GetType(), Copy(part.Target), part.Method));
        // A function that its own closure holds was copied on the way there.
        if (_copies.TryGetValue(function, out object? known)) return (Delegate)known;
        _copies.Add(function, copy!);
        return copy!;
    }

    /// <summary>Whether a module, a parameter or a buffer can be reached from an object through its fields.</summary>
    private bool LeadsToNetwork(object start)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var open = new Stack<object>();
        open.Push(start);
        while (open.TryPop(out object? value))
        {
            if (value is Module or Parameter or StateBuffer or Tensor { Tape: null }) return true;
            if (IsOpaque(value.GetType()) || !seen.Add(value)) continue;
            if (value is Array array)
            {
                if (!MayMatter(array.GetType().GetElementType()!)) continue;
                foreach (object? element in array)
                {
                    if (element is not null) open.Push(element);
                }
            }
            else if (value is Delegate function)
            {
                foreach (Delegate part in function.GetInvocationList())
                {
                    if (part.Target is { } target) open.Push(target);
                }
            }
            else
            {
                for (Type? type = value.GetType(); type is not null && type != typeof(object); type = type.BaseType)
                {
                    foreach (FieldInfo field in FieldsOf(type))
                    {
                        if (MayMatter(field.FieldType) && field.GetValue(value) is { } held) open.Push(held);
                    }
                }
            }
        }

        return false;
    }

    /// <summary>Whether what a field of this type holds is looked at: numbers, texts and structs of them are not.</summary>
    private bool MayMatter(Type type)
    {
        if (type.IsPrimitive || type.IsEnum || type.IsPointer || type == typeof(string)) return false;
        if (!type.IsValueType) return type.IsArray || !type.IsSealed || !IsOpaque(type);
        if (_mayMatter.TryGetValue(type, out bool known)) return known;
        _mayMatter.Add(type, false);
        bool matters = false;
        if (!IsOpaque(type))
        {
            foreach (FieldInfo field in FieldsOf(type)) matters |= MayMatter(field.FieldType);
        }

        return _mayMatter[type] = matters;
    }

    /// <summary>The framework's own objects, which hold nothing of a network, except collections, tuples, delegates and what else holds a value for somebody.</summary>
    private static bool IsOpaque(Type type)
    {
        if (type == typeof(Tape) || type == typeof(string)) return true;
        if (type.IsArray || typeof(Delegate).IsAssignableFrom(type) || IsCollection(type) || type.IsAssignableTo(typeof(ITuple)) || Nullable.GetUnderlyingType(type) is not null || IsHolder(type)) return false;
        return type.Namespace is { } name && (name == "System" || name.StartsWith("System.", StringComparison.Ordinal) || name.StartsWith("Microsoft.", StringComparison.Ordinal));
    }

    private static bool IsHolder(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() is var kind && (kind == typeof(Lazy<>) || kind == typeof(ArraySegment<>) || kind == typeof(Memory<>) || kind == typeof(ReadOnlyMemory<>));

    private static bool IsCollection(Type type) =>
        type.Namespace is { } name && name.StartsWith("System.Collections", StringComparison.Ordinal) && !type.Name.Contains("Comparer", StringComparison.Ordinal);

    private InvalidOperationException NotAdmitted(Type expected, object mapped) => new(
        $"Module.Clone: {_place} admits a {NameOf(expected)} only; the substitute {NameOf(mapped.GetType())} cannot stand there. Declare it with a type that admits both, for example {nameof(Module)}, or replace the module that contains it.");

    private static string NameOf(Type type) => type.Name.IndexOf('`', StringComparison.Ordinal) is var mark and > 0 ? type.Name[..mark] : type.Name;

    /// <summary>The name the source code has: a property's for its hidden field, a constructor parameter's for a captured one.</summary>
    private static string NameOf(FieldInfo field)
    {
        string name = field.Name;
        int end = name.IndexOf('>', StringComparison.Ordinal);
        return name[0] == '<' && end > 1 ? name[1..end] : name;
    }

    /// <summary>The fields that a type itself declares.</summary>
    [UnconditionalSuppressMessage(
        "Trimming", "IL2070", Justification = "All fields of modules are kept (the attribute on Module). Other types keep the fields that code uses, and one that no code uses holds nothing of a network.")]
    private static FieldInfo[] FieldsOf(Type type) => type.GetFields(Declared);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = nameof(MemberwiseClone))]
    private static extern object MemberwiseClone(object value);
}
